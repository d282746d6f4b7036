// The bundle that the agent gives to each spare, and its code cache. Runs in the agent.

const v8 = require('node:v8')
const vm = require('node:vm')
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
 * the next containers of the image.
 */
function renewCodeCache(script, bundle) {
  if (script.cachedDataRejected === false) return // `undefined` if the bundle had no code cache
  const source = bundle.subarray(4 + bundle.readUInt32BE(0))
  const codeCache = compileAll(source.toString())
  const size = Buffer.alloc(4)
  size.writeUInt32BE(codeCache.length)
  frame = encodeBundle(size, codeCache, source)
  for (let start = 0; start < codeCache.length; start += CHUNK) {
    send(Kind.CODE_CACHE, 0, codeCache.subarray(start, start + CHUNK))
  }
}

/** A code cache with all functions. That of our own script has only those that were called. */
function compileAll(source) {
  v8.setFlagsFromString('--no-lazy')
  const script = new vm.Script(source, { filename: 'node:sandbox-cache' }) // V8 has the other name
  v8.setFlagsFromString('--lazy') // V8 rejects a code cache that was made with other flags
  return script.createCachedData()
}

module.exports = { bundleForSpare, keepBundle, renewCodeCache }
