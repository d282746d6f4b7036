// Loaded into a server before its program. It disturbs and measures the server for tests, which ask
// over the socket in CHAOS_CONTROL.
import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

let shiftMs = 0
const RealDate = Date
globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + shiftMs)
    else super(...args)
  }
  static now() {
    return RealDate.now() + shiftMs
  }
}

const commands = {
  /** Moves the clock of this process. */
  clock: (ms) => {
    shiftMs += ms
  },
  /** Blocks the event loop. */
  stall: (ms) => {
    const end = performance.now() + ms
    while (performance.now() < end);
  },
  measure: async () => {
    // A finalizer frees objects that only the next collection removes.
    for (let round = 0; round < 3; round++) {
      collectGarbage()
      await nextTurn()
    }
    const { rss, heapUsed } = process.memoryUsage()
    return { rss, heapUsed, descriptors: readdirSync('/proc/self/fd').length }
  },
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://x')
  const answer = await commands[pathname.slice(1)](Number(searchParams.get('ms')))
  response.setHeader('connection', 'close').end(JSON.stringify(answer ?? null))
})
server.listen(process.env.CHAOS_CONTROL).unref()
