// The bundle that the agent gives to each spare, and its code cache. Runs in the agent.

const { CHUNK, Kind, encodeBundle, send } = require('./protocol.cjs')

let frame

/** Keeps the bundle as the host has sent it. */
function keepBundle(bundle) {
  frame = encodeBundle(bundle)
}

function bundleForSpare() {
  return frame
}

/**
 * Makes a code cache if V8 did not use that of the bundle. The next spares get it, and the host for
 * the next containers of the image. It is made after the agent has started, so that it has the
 * functions which the agent has called.
 */
function renewCodeCache(script, bundle) {
  if (script.cachedDataRejected === false) return // `undefined` if the bundle had no code cache
  const codeCache = script.createCachedData()
  const size = Buffer.alloc(4)
  size.writeUInt32BE(codeCache.length)
  const source = bundle.subarray(4 + bundle.readUInt32BE(0))
  frame = encodeBundle(size, codeCache, source)
  for (let start = 0; start < codeCache.length; start += CHUNK) {
    send(Kind.CODE_CACHE, 0, codeCache.subarray(start, start + CHUNK))
  }
}

module.exports = { bundleForSpare, keepBundle, renewCodeCache }
