// The error of a function call that has no value. Runs in the processes that run programs.

/** The host reports this error as the outcome of the call. It is not written to stderr. */
class Refusal extends Error {
  constructor(reason, message) {
    super(message)
    this.reason = reason
  }
}

module.exports = { Refusal }
