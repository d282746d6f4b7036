// The errors that end a request. Runs in the agent.

/** An error with the code that the host gets: the name of an errno. */
function failure(code, message) {
  return Object.assign(new Error(message), { code })
}

module.exports = { failure }
