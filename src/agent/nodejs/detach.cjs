// Keeps our code out of the stack traces of asynchronous code. Runs in the processes that run programs.

const { Promise } = require('./globals.cjs')

/** A promise with the outcome of another. V8 looks for the functions that wait for the other one. */
function detach(promise) {
  return new Promise((resolve, reject) => {
    void promise.then(
      (value) => resolve(value),
      (error) => reject(error),
    )
  })
}

module.exports = { detach }
