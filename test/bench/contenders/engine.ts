import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import Docker from 'dockerode'
import type { Bench, Contender } from '../bench.js'
import { argvOf, outputOf } from './bare.js'

const INTERPRETERS = { python: 'python3', nodejs: 'node' } as const
/** Longer than any scenario. The container is removed before the sleep ends. */
const SLEEP = ['sleep', '3600']

const docker = new Docker()

/** Creates a container that only sleeps, without network and log. All other options are defaults. */
function sleeping({ image, runtime }: Bench): Promise<Docker.Container> {
  return docker.createContainer({
    Image: image,
    Cmd: SLEEP,
    Labels: { 'hono-sandbox.bench': 'sleeping' },
    NetworkDisabled: true,
    HostConfig: { Runtime: runtime, NetworkMode: 'none', LogConfig: { Type: 'none', Config: {} } },
  })
}

/** Creates, starts and removes a container: the lower bound of a new container for each request. */
export async function createStartRemove(bench: Bench): Promise<void> {
  const container = await sleeping(bench)
  await container.start()
  await container.remove({ force: true, v: true })
}

/** Runs the program by `docker exec` in a running container, through the API of the engine. */
export async function engineExec(bench: Bench): Promise<Contender> {
  const container = await sleeping(bench)
  await container.start()
  const Cmd = argvOf(bench.language, INTERPRETERS[bench.language], bench.program)
  return {
    what: 'exec through the engine',
    where: 'container',
    run: async () => {
      const exec = await container.exec({ Cmd, AttachStdout: true, AttachStderr: true })
      const stream = await exec.start({})
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      docker.modem.demuxStream(stream, stdout, stderr.resume())
      stream.once('end', () => stdout.end())
      const output = await text(stdout)
      const { ExitCode } = await exec.inspect()
      if (ExitCode !== 0) throw new Error(`exec has exited with ${ExitCode}`)
      return output
    },
    settle: async () => {},
    close: () => container.remove({ force: true, v: true }),
  }
}

/** Runs each program in a new container, by the command line of Docker. */
export function dockerRun({ language, image, runtime, program }: Bench): Contender {
  const argv = argvOf(language, INTERPRETERS[language], program)
  const flags = ['--rm', `--runtime=${runtime}`, '--network=none', '--log-driver=none']
  return {
    what: 'docker run --rm',
    where: 'container',
    run: () => outputOf('docker', ['run', ...flags, image, ...argv]),
    settle: async () => {},
    close: async () => {},
  }
}
