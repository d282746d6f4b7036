// The requests that are under way, and how each of them ends. Runs in the agent.

const { Kind, sendJson } = require('./protocol.cjs')

const LONGEST_MESSAGE = 1000

/**
 * The requests that are under way, by id. Each has the methods `data`, `eof`, `credit` and
 * `signal`; `close` is called, if there is one, when the request fails.
 */
const requests = new Map()
let systemErrors

/** Sends the answer to a request, which is the last frame of it. */
function finish(id, answer) {
  if (requests.delete(id) || answer.error) sendJson(Kind.DONE, id, answer)
}

/** Runs a step of a request. An error ends the request, and never the agent. */
function attempt(id, action) {
  try {
    action()
  } catch (error) {
    try {
      requests.get(id)?.close?.()
    } catch {
      // The request ends with the first error.
    }
    const code = /^E[A-Z0-9]+$/.test(error.code) ? error.code : 'EINVAL'
    finish(id, { error: { code, message: messageOf(error).slice(0, LONGEST_MESSAGE) } })
  }
}

/** The text for an error of the system, without a path. The map is made at the first error. */
function messageOf({ errno, message }) {
  systemErrors ??= require('node:util').getSystemErrorMap()
  return systemErrors.get(errno)?.[1] ?? message
}

module.exports = { attempt, finish, requests }
