import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { until, within } from '../../helpers/until.js'
import type { Bench, Contender } from '../bench.js'

const SERVER = fileURLToPath(new URL('../server.js', import.meta.url))
const Listening = v.object({ port: v.number() })
const Answer = v.object({ stdout: v.string() })
const Stats = v.object({
  size: v.number(),
  idle: v.number(),
  starting: v.number(),
  recycling: v.number(),
})

/** A Hono app with the middleware, called by `fetch`. Each request has a lease and a new container. */
export async function overHttp({ runtime, language, image, program }: Bench): Promise<Contender> {
  const options = { runtime, languages: { [language]: { image, size: 2, max: 4 } } }
  const server = fork(SERVER, [language, JSON.stringify(options)])
  const [message] = await within('the server listens', once(server, 'message'), 60_000)
  const base = `http://127.0.0.1:${v.parse(Listening, message).port}`
  const isSettled = async () => {
    const stats = v.parse(Stats, await (await fetch(`${base}/stats`)).json())
    return stats.idle >= stats.size && stats.starting + stats.recycling === 0
  }
  return {
    what: 'over HTTP, lease included',
    where: 'container',
    run: async () => {
      const response = await fetch(`${base}/run`, { method: 'POST', body: program })
      return v.parse(Answer, await response.json()).stdout
    },
    settle: () => until('the server’s pool has settled', isSettled, 60_000),
    close: async () => {
      const exit = once(server, 'exit')
      server.disconnect()
      await within('the server exits', exit, 60_000)
    },
  }
}
