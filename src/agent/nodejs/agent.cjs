// The entry point of the agent, which is the child of the container's init process. It starts the
// parts of the agent, and sends the frame `hello` when the first spare is ready.

const { keepBundle, renewCodeCache } = require('./bundle.cjs')
const { FAILED } = require('./child-protocol.cjs')
const { preload, typescript } = require('./config.cjs')
const { dispatch } = require('./dispatch.cjs')
const { startCounting } = require('./failure-cause.cjs')
const { listenToHost } = require('./host.cjs')
const { serveNames } = require('./name-server.cjs')
const { Kind, VERSION, sendJson } = require('./protocol.cjs')
const { dropGroups } = require('./rights.cjs')
const { prepareSpare } = require('./spare.cjs')
const { serveUsers } = require('./user-server.cjs')
const { linkNodeModules } = require('./workspace.cjs')

function start(script, bundle) {
  dropGroups()
  startCounting()
  keepBundle(bundle)
  listenToHost(dispatch)
  linkNodeModules()
  const spare = prepareSpare()
  whenReady(spare, (failed) => {
    renewCodeCache(script, bundle)
    sendJson(Kind.HELLO, 0, { version: VERSION, language: process.version, failed })
    serveNames()
    serveUsers()
  })
}

/** Calls a function when the first spare is ready, or with the reason why no spare will be. */
function whenReady(spare, ready) {
  if (typescript && !require('node:module').stripTypeScriptTypes) {
    ready({ message: `Node ${process.version} cannot strip types, 22.13 or newer can` })
  } else if (preload.length > 0) whenLoaded(spare, ready)
  else ready()
}

function whenLoaded(spare, ready) {
  const onEnd = () => ready({ message: 'the process ended while it loaded its modules' })
  spare.once('exit', onEnd).once('error', onEnd)
  spare.messages.onMessage = (tag, { preload: name, message }) => {
    spare.off('exit', onEnd).off('error', onEnd)
    spare.messages.onMessage = () => {}
    ready(tag === FAILED ? { preload: name, message } : undefined)
  }
}

module.exports = { start }
