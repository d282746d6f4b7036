// The exchange between the agent and a process that runs programs. Runs in both.

module.exports = {
  /** The descriptor for messages to the agent. A message is a kind, 4 bytes of length, and JSON. */
  MESSAGES: 3,
  /** The descriptor for the bundle and then the tasks, of which each is a line of JSON. */
  TASKS: 4,

  // The kinds of messages, one letter each.

  /** A record, which the agent sends on to the host. */
  RECORD: 'r',
  /** A cell of a context is over. */
  END: 'e',
  /** The process has loaded its modules, or its context is open. */
  READY: 'y',
  /** A module could not be loaded. */
  FAILED: 'f',
}
