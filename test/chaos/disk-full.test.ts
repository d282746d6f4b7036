import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ChaosServer, untilHealthy } from '../helpers/chaos-server.js'
import { canOwnEngine, OwnEngine } from '../helpers/own-engine.js'
import { until } from '../helpers/until.js'

const MIB = 1024 ** 2
/** Enough for the images twice: while the engine loads an image, it has two copies. */
const DISK_BYTES = 1500 * MIB

it.runIf(canOwnEngine)(
  'an engine without disk space refuses, and a server recovers',
  async () => {
    const images = ['hono-sandbox/python:bookworm', 'hono-sandbox/nodejs:24']
    const engine = await OwnEngine.start({ images, diskBytes: DISK_BYTES })
    onTestFinished(() => engine.close())
    const env = { DOCKER_HOST: engine.address }
    const server = new ChaosServer({ runtime: 'runc', size: 1, env })
    onTestFinished(async () => void (await server.end('SIGKILL')))
    await server.process.started()
    const healthy = () => untilHealthy([server], () => engine.containers())
    await healthy()

    const filler = fill(engine.disk)
    await server.run() // by the last warm container
    await server.untilReady(503)
    await until(
      'a run is refused',
      async () => (await server.refusal()) === 'SANDBOX_ENGINE_FAILED',
    )
    expect(await server.readyStatus()).toBe(503)
    rmSync(filler)
    await healthy()
  },
  300_000,
)

/** Writes a file until the disk is full. Returns its path. */
function fill(disk: string): string {
  const filler = path.join(disk, 'filler')
  const file = openSync(filler, 'w')
  try {
    for (let bytes = MIB; bytes >= 4096; bytes /= 2) writeUntilFull(file, Buffer.alloc(bytes))
  } finally {
    closeSync(file)
  }
  return filler
}

function writeUntilFull(file: number, piece: Buffer): void {
  try {
    while (writeSync(file, piece) === piece.length);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  }
}
