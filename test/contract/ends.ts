import { describe, expect, it } from 'vitest'
import { until, within } from '../helpers/until.js'
import type { EngineSubject, Workbench } from './subject.js'
import { expectEcho, outcomeOf } from './subject.js'

/** PID 1 ignores each signal that can be ignored, and the end of its stdin. */
const UNRESPONSIVE =
  'trap "" HUP INT QUIT ABRT ALRM TERM USR1 USR2 PIPE; echo ready; while :; do sleep 60; done'

/** Registers the tests of the end of a container and of close(). */
export function describeEnds(workbench: Workbench, subject: EngineSubject): void {
  const { stateOf, removeFromOutside, createEngine } = subject

  describe('remove()', () => {
    it('remove() ends stdin, and resolves when the container is removed', async () => {
      const script = 'cat; echo "stdin has ended"'
      const container = await workbench.launch({ command: ['sh', '-c', script] })
      await expectEcho(container)
      const ended = outcomeOf(container)
      await within('the container is removed', container.remove())
      expect(await stateOf(container.name)).toBe('gone')
      const { stdout, exit } = await ended
      expect(stdout).toContain('stdin has ended\n')
      expect(exit.exitCode).toBe(0)
    })

    it('remove() kills a container that does not exit', async () => {
      const container = await workbench.launch({ command: ['sh', '-c', UNRESPONSIVE] })
      await within('the container is removed', container.remove())
      expect(await stateOf(container.name)).toBe('gone')
      await within('the exit is reported', container.exited)
    })

    it('remove() may be called twice and together with kill()', async () => {
      const container = await workbench.launch()
      await within('both calls resolve', Promise.all([container.remove(), container.remove()]))
      await within('both calls resolve', Promise.all([container.remove(), container.kill()]))
      expect(await stateOf(container.name)).toBe('gone')
    })

    it('remove() resolves if the container has exited by itself', async () => {
      const container = await workbench.launch({ command: ['true'] })
      await within('the exit is reported', container.exited)
      await within('the container is removed', container.remove())
      expect(await stateOf(container.name)).toBe('gone')
    })
  })

  describe('kill()', () => {
    it('kill() ends a PID 1 that ignores all signals, and may be called twice', async () => {
      const container = await workbench.launch({ command: ['sh', '-c', UNRESPONSIVE] })
      await until('PID 1 ignores signals', () => container.stdout.readableLength > 0)
      await within('both calls resolve', Promise.all([container.kill(), container.kill()]))
      expect(await stateOf(container.name)).toBe('gone')
      const exit = await within('the exit is reported', container.exited)
      expect(exit.oom).toBe(false)
      await within('both calls resolve', Promise.all([container.kill(), container.remove()]))
    })
  })

  describe('a lost container', () => {
    it('a container is removed if the connection to its streams is lost', async () => {
      const container = await workbench.launch()
      await expectEcho(container)
      container.stdin.destroy()
      await until(
        'the container is removed',
        async () => (await stateOf(container.name)) === 'gone',
      )
      await within('the exit is reported', container.exited)
    })

    it('exited resolves if the container is removed from outside', async () => {
      const container = await workbench.launch()
      await expectEcho(container)
      await removeFromOutside(container.name)
      await within('the exit is reported', container.exited)
      await within('the container is removed', container.remove())
    })
  })

  describe('close()', () => {
    it('close() ends no container, and a container can still be used and removed', async () => {
      const engine = createEngine()
      const container = await engine.launch(workbench.spec())
      await expectEcho(container, 'before\n')
      engine.close()
      await expectEcho(container, 'after\n')
      expect(await stateOf(container.name)).toBe('running')
      await within('the container is removed', container.remove())
      expect(await stateOf(container.name)).toBe('gone')
    })
  })
}
