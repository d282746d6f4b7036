import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { spawn } from 'node:child_process'
import { buffer } from 'node:stream/consumers'
import type { Bench, Contender } from '../bench.js'
import { outputOf } from './bare.js'

const FILES = { python: 'main.py', nodejs: 'main.js' } as const
const INTERPRETERS = { python: 'python3', nodejs: 'node' } as const

/**
 * The steps of RAGFlow's executor, written from its published source: one container of a pool, and for
 * each run seven calls of the docker command. They inspect the container, make a folder, copy the code
 * by tar, run it, search for artifacts, remove the folder, and inspect the container again. The code of
 * the original took 357 ms for a run under runc and 525 ms under gVisor, on two cores.
 */
export async function dockerCommands({
  language,
  image,
  runtime,
  program,
}: Bench): Promise<Contender> {
  const name = `hono-sandbox-bench-${randomUUID().slice(0, 8)}`
  const docker = (...args: string[]) => outputOf('docker', args)
  const limits = ['--memory=256m', '--user=nobody', '--read-only', '--network=none']
  const mounts = ['--tmpfs=/workspace:rw,exec,size=100M,uid=65534,gid=65534', '--tmpfs=/tmp']
  const flags = ['-d', `--runtime=${runtime}`, `--name=${name}`, ...mounts, '--workdir=/workspace']
  await docker('run', ...flags, ...limits, image, 'sleep', 'infinity')
  const isRunning = () => docker('inspect', '-f', '{{.State.Running}}', name)
  const folder = await mkdtemp(path.join(tmpdir(), 'hono-sandbox-bench-'))
  return {
    what: 'seven docker commands, as RAGFlow',
    where: 'container',
    run: async () => {
      const place = `/workspace/${randomUUID()}`
      await writeFile(path.join(folder, FILES[language]), program)
      await isRunning()
      await docker('exec', name, 'mkdir', '-p', `${place}/artifacts`)
      const tar = await tarOf(folder)
      await outputOf('docker', ['exec', '-i', name, 'tar', 'xf', '-', '-C', place], { input: tar })
      const run = ['timeout', '10', INTERPRETERS[language], FILES[language]]
      const stdout = await docker('exec', `--workdir=${place}`, name, ...run)
      await docker('exec', name, 'find', `${place}/artifacts`, '-type', 'f')
      await docker('exec', name, 'rm', '-rf', place)
      await isRunning()
      return stdout
    },
    settle: async () => {},
    close: async () => {
      await docker('rm', '-f', name)
      await rm(folder, { recursive: true })
    },
  }
}

async function tarOf(folder: string): Promise<Buffer> {
  return buffer(
    spawn('tar', ['cf', '-', '-C', folder, '.'], { stdio: ['ignore', 'pipe', 'ignore'] }).stdout,
  )
}
