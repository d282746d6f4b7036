import { describe, expect, it } from 'vitest'
import { until, within } from '../helpers/until.js'
import type { EngineSubject, Workbench } from './subject.js'
import { expectEcho, outcomeOf } from './subject.js'

/** PID 1 is deaf to each signal that can be ignored, and to the end of its stdin. */
const DEAF =
  'trap "" HUP INT QUIT ABRT ALRM TERM USR1 USR2 PIPE; echo deaf; while :; do sleep 60; done'

/** Registers the tests of how a container is ended, and of what an engine leaves. */
export function describeEnds(workbench: Workbench, subject: EngineSubject): void {
  const { stateOf, removeFromOutside, createEngine } = subject

  describe('remove()', () => {
    it('ends stdin, and resolves when the container is gone', async () => {
      const script = 'cat; echo "it ends by itself"'
      const container = await workbench.launch({ command: ['sh', '-c', script] })
      await expectEcho(container)
      const ended = outcomeOf(container)
      await within('it is removed', container.remove())
      expect(await stateOf(container.name)).toBe('gone')
      const { stdout, exit } = await ended
      expect(stdout).toContain('it ends by itself\n')
      expect(exit.exitCode).toBe(0)
    })

    it('kills a container that does not exit', async () => {
      const container = await workbench.launch({ command: ['sh', '-c', DEAF] })
      await within('it is removed', container.remove())
      expect(await stateOf(container.name)).toBe('gone')
      await within('its end is told', container.exited)
    })

    it('is safe twice, also at once, and beside kill()', async () => {
      const container = await workbench.launch()
      await within('both resolve', Promise.all([container.remove(), container.remove()]))
      await within('all resolve', Promise.all([container.remove(), container.kill()]))
      expect(await stateOf(container.name)).toBe('gone')
    })

    it('is safe when the container has ended by itself', async () => {
      const container = await workbench.launch({ command: ['true'] })
      await within('its end is told', container.exited)
      await within('it is removed', container.remove())
      expect(await stateOf(container.name)).toBe('gone')
    })
  })

  describe('kill()', () => {
    it('ends a PID 1 that ignores everything, and is safe twice', async () => {
      const container = await workbench.launch({ command: ['sh', '-c', DEAF] })
      await until('it is deaf', () => container.stdout.readableLength > 0)
      await within('both resolve', Promise.all([container.kill(), container.kill()]))
      expect(await stateOf(container.name)).toBe('gone')
      const exit = await within('its end is told', container.exited)
      expect(exit.oom).toBe(false)
      await within('all resolve', Promise.all([container.kill(), container.remove()]))
    })
  })

  describe('a container', () => {
    it('goes if the connection to its streams is lost, as when the server dies', async () => {
      const container = await workbench.launch()
      await expectEcho(container)
      container.stdin.destroy()
      await until('it is gone', async () => (await stateOf(container.name)) === 'gone')
      await within('its end is told', container.exited)
    })

    it('tells its end if it is removed past the port', async () => {
      const container = await workbench.launch()
      await expectEcho(container)
      await removeFromOutside(container.name)
      await within('its end is told', container.exited)
      await within('it is removed', container.remove())
    })
  })

  describe('close()', () => {
    it('touches no container, which can still be used and removed', async () => {
      const engine = createEngine()
      const container = await engine.launch(workbench.spec())
      await expectEcho(container, 'before\n')
      engine.close()
      await expectEcho(container, 'after\n')
      expect(await stateOf(container.name)).toBe('running')
      await within('it is removed', container.remove())
      expect(await stateOf(container.name)).toBe('gone')
    })
  })
}
