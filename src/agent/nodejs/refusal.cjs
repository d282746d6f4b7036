// Why a call has no value. Runs in the processes that run programs.

/** The host reports it as the outcome of the call, and stderr does not have it. */
class Refusal extends Error {
  constructor(reason, message) {
    super(message)
    this.reason = reason
  }
}

module.exports = { Refusal }
