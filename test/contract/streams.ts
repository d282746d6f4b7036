import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { within } from '../helpers/until.js'
import type { Workbench } from './subject.js'
import { bytesOf, expectEcho, outcomeOf } from './subject.js'

const MIB = 1024 * 1024

/** Arguments that a shell, a template or a transport changes if it sees them. */
const ODD = [
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
export function describeStreams(workbench: Workbench): void {
  describe('the streams of PID 1', () => {
    it('carry bytes both ways', async () => {
      const container = await workbench.launch()
      await expectEcho(container, 'one\n')
      await expectEcho(container, 'two\n')
    })

    it('carry much, unchanged, in both directions at once', async () => {
      const container = await workbench.launch()
      const sent = randomBytes(8 * MIB)
      const read = bytesOf(container)
      container.stdin.end(sent)
      const got = await within('it echoes all', read)
      expect([got.length, got.equals(sent)]).toEqual([sent.length, true])
    })

    it('end one by one: stdout goes on when stdin has ended', async () => {
      const script = 'cat; echo "stdin has ended"; head -c 1000000 /dev/zero; echo last'
      const container = await workbench.launch({ command: ['sh', '-c', script] })
      container.stdin.end('first\n')
      const { stdout, exit } = await outcomeOf(container)
      expect(stdout.replaceAll('\0', '')).toBe('first\nstdin has ended\nlast\n')
      expect([stdout.length, exit.exitCode]).toEqual([1_000_027, 0])
    })

    it('bring no more than is read', async () => {
      const size = 32 * MIB
      const flood = await workbench.launch({
        command: ['sh', '-c', `head -c ${size} /dev/zero`],
      })
      // As much comes and goes beside it meanwhile.
      const other = await workbench.launch()
      const echoed = bytesOf(other)
      other.stdin.end(Buffer.alloc(size / 2))
      expect((await within('the other echoes', echoed)).length).toBe(size / 2)
      expect(flood.stdout.readableLength).toBeLessThan(2 * MIB)
      expect((await within('the rest comes when it is read', bytesOf(flood))).length).toBe(size)
    })
  })

  describe('the command line', () => {
    it('arrives unchanged', async () => {
      const { stdout } = await outcomeOf(
        await workbench.launch({ command: ['sh', '-c', 'printf "%s\\0" "$@"', 'sh', ...ODD] }),
      )
      expect(stdout.split('\0').slice(0, -1)).toEqual(ODD)
    })

    it('is PID 1, if the agent is to reap orphans', async () => {
      const { stdout } = await workbench.run('echo $$; pwd; uname -n', { reaper: 'agent' })
      expect(stdout).toBe('1\n/workspace\nsandbox\n')
    })

    it('has an init process before it, if the engine is to reap orphans', async () => {
      const orphan = '(sh -c "kill -KILL \\$\\$" &)'
      const isLeft = "grep -qs '^State:[[:space:]]*Z' /proc/[0-9]*/status"
      // A hundred looks are enough: without an init process the orphan stays for ever.
      const script = `${orphan}; i=0; while [ $i -lt 100 ] && ${isLeft}; do sleep 0.05; i=$((i+1)); done`
      const { stdout } = await workbench.run(
        `${script}; ${isLeft} && echo left; [ $$ != 1 ] && echo "not PID 1"`,
        { reaper: 'engine' },
      )
      expect(stdout).toBe('not PID 1\n')
    })
  })

  describe('the end of a container', () => {
    it('is told with its exit code and the last lines of stderr', async () => {
      const script = 'echo out; echo first >&2; seq 200000 >&2; echo "last words" >&2; exit 7'
      const { stdout, exit } = await workbench.run(script)
      expect(stdout).toBe('out\n')
      expect(exit).toEqual({ exitCode: 7, oom: false, stderr: expect.any(String) })
      expect(exit.stderr).toMatch(/\n200000\nlast words\n$/)
      expect(exit.stderr.length).toBeLessThan(65_536)
    })

    it('is the same news to all that ask, before and after', async () => {
      const container = await workbench.launch({ command: ['sh', '-c', 'exit 3'] })
      const { exited } = container
      const { exit } = await outcomeOf(container)
      expect(await Promise.all([exited, container.exited])).toEqual([exit, exit])
      expect(exit.exitCode).toBe(3)
    })

    it('with the memory used up is told as that', async () => {
      const hoard = 'python3 -c \'hoard = []\nwhile True: hoard.append(bytearray(b"x") * 1000000)\''
      const { exit } = await workbench.run(`exec ${hoard}`)
      expect(exit.oom).toBe(true)
      expect(exit.exitCode).not.toBe(0)
    })
  })
}
