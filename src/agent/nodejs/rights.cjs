// The users of the agent and of the programs. Runs in the agent: it is root with KILL, SETUID and
// SETGID, and the programs are nobody, so that they reach neither the agent nor its streams. If the
// agent is not root, it has no rights to drop, and everything else works alike.

const fs = require('node:fs')
const { workspace } = require('./config.cjs')

const SHARED_NOBODY = 65534
const { uid, gid } = fs.statSync(workspace)
/**
 * The owner of the workspace: user nobody, or an id of this container alone. In a pod, root owns the
 * workspace, and its group has the id.
 */
const NOBODY = uid || gid || SHARED_NOBODY
const isRoot = process.getuid() === 0
const hasOwnUser = isRoot && NOBODY !== SHARED_NOBODY
/** The name of a user that no other container has. */
const USER_NAME = 'sandbox'

/** The options of a child process that has the rights of a program. */
const programRights = isRoot ? { uid: NOBODY, gid: NOBODY } : {}

/**
 * Gives up the groups for good. A change of the groups costs a signal to every thread, so it is not
 * made for each operation; the change of the user is enough.
 */
function dropGroups() {
  if (!isRoot) return
  process.setgroups([])
  process.setgid(NOBODY)
}

/** Runs one file operation with the rights that the programs have. */
function asNobody(action) {
  if (process.geteuid() !== 0) return action()
  process.seteuid(NOBODY)
  try {
    return action()
  } finally {
    process.seteuid(0)
  }
}

module.exports = { NOBODY, USER_NAME, asNobody, dropGroups, hasOwnUser, programRights }
