export type { McpBounds } from './bounds.js'
export { mcp } from './mcp.js'
export type { McpOptions } from './mcp.js'
