import type { Context } from 'hono'
import { validator } from 'hono-openapi'
import type { Sandbox, SandboxPool } from 'hono-sandbox'
import { getSandboxes } from 'hono-sandbox'
import * as v from 'valibot'
import { responseLog } from '../operator/log.js'
import { LanguageName, LANGUAGES } from '../requests/languages.js'
import { BadRequest } from '../requests/refusal.js'

/** The time without a request after which a session ends, in milliseconds. */
const IDLE_MS = 15 * 60_000

/** The session that a request chooses: a browser has one for each language. */
export const SessionChoice = v.strictObject({ language: LanguageName })
export type SessionChoice = v.InferOutput<typeof SessionChoice>

/** Validates the query of a request that chooses a session. */
export const sessionQuery = validator('query', SessionChoice, ({ success }) => {
  if (!success) throw new BadRequest(`the query: expected language=${LANGUAGES.join(' or ')}`)
})

/** The id of the session of a request, and the pool. */
export interface SessionParts {
  session: (c: Context) => Promise<string>
  pool?: SandboxPool | undefined
}

/** The options of `sandbox()` for the sessions of this server. */
export function sessionOptions({ session, pool }: SessionParts) {
  return { session, pool, sessionIdleMs: IDLE_MS, logger: responseLog }
}

/**
 * Returns the sandbox of a session that is open; `undefined` if there is none. The caller releases
 * it. It does not wait for a cell that runs.
 */
export async function visit(
  c: Context,
  parts: SessionParts,
  { language }: SessionChoice,
): Promise<Sandbox | undefined> {
  const { session, pool = getSandboxes() } = parts
  const id = await session(c)
  const isOpen = pool.listSessions().some((each) => each.id === id && each.language === language)
  return isOpen ? pool.session(language, id, { sessionIdleMs: IDLE_MS }) : undefined
}

/** Tells the client whether its request has opened the session, and why an earlier one has ended. */
export function tellSession(c: Context, { session }: Sandbox): void {
  c.header('Sandbox-Session', session?.isNew ? 'new' : 'kept')
  if (session?.lostReason) c.header('Sandbox-Session-Lost', session.lostReason)
}

/** Ends a session, with its programs and files. Does nothing if there is none. */
export async function endSession(
  c: Context,
  { session, pool = getSandboxes() }: SessionParts,
  { language }: SessionChoice,
): Promise<void> {
  await pool.endSession(await session(c), { language })
}
