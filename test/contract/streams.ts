import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { within } from '../helpers/until.js'
import type { EngineSubject, Workbench } from './subject.js'
import { bytesOf, expectEcho, outcomeOf } from './subject.js'

const MIB = 1024 * 1024

/** Arguments that a shell, a template or a transport could change. */
const SPECIAL_ARGUMENTS = [
  '',
  ' two  spaces ',
  '"',
  "it's",
  '$HOME',
  '$(PATH)',
  '$$(PATH)',
  '${PATH}',
  '{{.Name}}',
  '`id`',
  '*',
  '\\',
  '\\n',
  'two\nlines\n',
  '\t',
  '--',
  '-n',
  '%s%%',
  'ü 漢字 🧪',
  '\u0001\u007f',
  'x'.repeat(100_000),
]

/** Registers the tests of PID 1's streams, its command line and its end. */
export function describeStreams(workbench: Workbench, { lacks = [] }: EngineSubject): void {
  /** The end of a script with a large output: PID 1 waits until its output has been read. */
  const wait = lacks.includes('last output') ? '; sleep 3' : ''

  describe('the streams of PID 1', () => {
    it('the streams pass bytes in both directions', async () => {
      const container = await workbench.launch()
      await expectEcho(container, 'one\n')
      await expectEcho(container, 'two\n')
    })

    it('the streams pass megabytes unchanged in both directions at the same time', async () => {
      const container = await workbench.launch({ command: ['sh', '-c', `cat${wait}`] })
      const sent = randomBytes(8 * MIB)
      const read = bytesOf(container)
      container.stdin.end(sent)
      const received = await within('all bytes are echoed', read)
      expect([received.length, received.equals(sent)]).toEqual([sent.length, true])
    })

    it('stdout stays open after stdin has ended', async () => {
      const script = 'cat; echo "stdin has ended"; head -c 1000000 /dev/zero; echo last'
      const container = await workbench.launch({ command: ['sh', '-c', script + wait] })
      container.stdin.end('first\n')
      const { stdout, exit } = await outcomeOf(container)
      expect(stdout.replaceAll('\0', '')).toBe('first\nstdin has ended\nlast\n')
      expect([stdout.length, exit.exitCode]).toEqual([1_000_027, 0])
    })

    it('the engine does not send much more than the reader takes', async () => {
      const size = 32 * MIB
      const flood = await workbench.launch({
        command: ['sh', '-c', `head -c ${size} /dev/zero${wait}`],
      })
      // Another container moves half as many bytes at the same time.
      const other = await workbench.launch({ command: ['sh', '-c', `cat${wait}`] })
      const echoed = bytesOf(other)
      other.stdin.end(Buffer.alloc(size / 2))
      expect((await within('the other container echoes all bytes', echoed)).length).toBe(size / 2)
      expect(flood.stdout.readableLength).toBeLessThan(2 * MIB)
      expect((await within('the rest arrives when it is read', bytesOf(flood))).length).toBe(size)
    })
  })

  describe('the command line', () => {
    it('the command line arrives unchanged', async () => {
      const { stdout } = await outcomeOf(
        await workbench.launch({
          command: ['sh', '-c', 'printf "%s\\0" "$@"', 'sh', ...SPECIAL_ARGUMENTS],
        }),
      )
      expect(stdout.split('\0').slice(0, -1)).toEqual(SPECIAL_ARGUMENTS)
    })

    it('the command is PID 1 if the agent reaps orphans', async () => {
      const { stdout } = await workbench.run('echo $$; pwd; uname -n', { reaper: 'agent' })
      expect(stdout).toBe('1\n/workspace\nsandbox\n')
    })

    it('an init process is PID 1 if the engine reaps orphans', async () => {
      const orphan = '(sh -c "echo \\$\\$ > /tmp/orphan; kill -KILL \\$\\$" &)'
      // Also a zombie has a folder there.
      const isLeft = '{ [ ! -s /tmp/orphan ] || [ -e /proc/$(cat /tmp/orphan) ]; }'
      // A hundred checks suffice, because the zombie never disappears without an init process.
      const script = `${orphan}; i=0; while [ $i -lt 100 ] && ${isLeft}; do sleep 0.05; i=$((i+1)); done`
      const { stdout } = await workbench.run(
        `${script}; ${isLeft} && echo left; [ $$ != 1 ] && echo "not PID 1"`,
        { reaper: 'engine' },
      )
      expect(stdout).toBe('not PID 1\n')
    })
  })

  describe('the exit of a container', () => {
    it('the exit has the exit code and the last lines of stderr', async () => {
      const script = 'echo out; echo first >&2; seq 200000 >&2; echo "last line" >&2'
      const { stdout, exit } = await workbench.run(`${script}${wait}; exit 7`)
      expect(stdout).toBe('out\n')
      expect(exit).toEqual({ exitCode: 7, oom: false, stderr: expect.any(String) })
      expect(exit.stderr).toMatch(/\n200000\nlast line\n$/)
      expect(exit.stderr.length).toBeLessThan(65_536)
    })

    it('exited resolves with the same exit before and after the end', async () => {
      const container = await workbench.launch({ command: ['sh', '-c', 'exit 3'] })
      const { exited } = container
      const { exit } = await outcomeOf(container)
      expect(await Promise.all([exited, container.exited])).toEqual([exit, exit])
      expect(exit.exitCode).toBe(3)
    })

    it('the exit reports oom if the memory is exhausted', async () => {
      const hoard = 'python3 -c \'hoard = []\nwhile True: hoard.append(bytearray(b"x") * 1000000)\''
      const { exit } = await workbench.run(`exec ${hoard}`)
      expect(exit.oom).toBe(true)
      expect(exit.exitCode).not.toBe(0)
    })
  })
}
