export { errorResponse } from './error-response.js'
export type { SandboxErrorBody } from './error-response.js'
export { sandbox } from './sandbox.js'
export type { SandboxEnv, SandboxOptions } from './sandbox.js'
