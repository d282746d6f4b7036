import type { Provider } from '@computesdk/provider'
import { compute } from 'computesdk'
import { computeProvider } from 'hono-sandbox/adapters'
import { describe, expect, it } from 'vitest'
import { runtimes, usePool } from './places.js'
import { commandOf, CSV, expectPlot, RIGHT, WRONG } from './task.js'

describe.each(runtimes)('the provider of ComputeSDK under %s', (runtime) => {
  const pool = usePool(runtime)
  const providerOf = (tenant: string): Provider =>
    computeProvider({ pool: pool(), language: 'python', tenant, acquireTimeoutMs: 60_000 })
  const sdkOf = (tenant: string) => compute({ provider: providerOf(tenant) })

  it('does a task', async () => {
    const sdk = sdkOf('ada')
    const sandbox = await sdk.sandbox.create({ envs: { TEAM: 'sales' } })
    const slow = { timeout: 150_000, cwd: '/workspace/report' }
    await sandbox.filesystem.writeFile('report/data.csv', CSV)
    const failed = await sandbox.runCommand(commandOf(WRONG), slow)
    expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("'sale'") })
    const seen: string[] = []
    const onStdout = (text: string) => void seen.push(text)
    const repaired = await sandbox.runCommand(commandOf(RIGHT), { ...slow, onStdout })
    expect(repaired).toMatchObject({ exitCode: 0, stdout: 'total 7\n' })
    expect(seen.join('')).toBe('total 7\n')
    const entries = await sandbox.filesystem.readdir('report')
    expect(entries.map(({ name, type }) => `${type} ${name}`)).toEqual([
      'file data.csv',
      'file plot.png',
    ])
    const { stdout } = await sandbox.runCommand('base64 report/plot.png')
    expectPlot(Buffer.from(stdout, 'base64'))
    expect(await sandbox.runCommand('[[ $TEAM ]] && echo $TEAM')).toMatchObject({
      stdout: 'sales\n',
    })
    await sdk.sandbox.destroy(sandbox.sandboxId)
    expect(await sandbox.getInfo()).toMatchObject({ status: 'stopped', provider: 'hono-sandbox' })
    await expect(sandbox.runCommand('true')).rejects.toMatchObject({
      code: 'SANDBOX_UNKNOWN_SESSION',
    })
  }, 180_000)

  it('keeps the sandboxes of two callers apart, and refuses unsupported calls', async () => {
    const [ada, bob] = [sdkOf('ada'), sdkOf('bob')]
    const sandbox = await ada.sandbox.create({ envs: { NAME: 'ada' } })
    const { sandboxId } = sandbox
    await sandbox.filesystem.writeFile('secret', 'of ada')
    expect(await bob.sandbox.getById(sandboxId)).toBeNull()
    expect(await bob.sandbox.list()).toEqual([])
    await bob.sandbox.destroy(sandboxId)
    // Another object of the same caller, for example one of the next request.
    const again = await sdkOf('ada').sandbox.getById(sandboxId)
    expect(await again?.filesystem.readFile('secret')).toBe('of ada')
    expect(await again?.runCommand('echo $NAME')).toMatchObject({ stdout: 'ada\n' })
    expect((await ada.sandbox.list()).map((each) => each.sandboxId)).toEqual([sandboxId])

    await expect(sandbox.getUrl({ port: 80 })).rejects.toThrow('getUrl: not supported')
    await expect(ada.sandbox.create({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
    await expect(ada.sandbox.create({ snapshotId: 'x' })).rejects.toThrow('create: not supported')
    expect(providerOf('ada').snapshot).toBeUndefined()
    expect(await sandbox.runCommand('sleep 60', { timeout: 300 })).toMatchObject({
      exitCode: 137,
      stderr: '[killed: timeout]',
    })
    await sandbox.runCommand('[[ 1 ]] && echo $$ > pid; exec sleep 60', { background: true })
    const running = async () => (await sandbox.runCommand('kill -0 $(cat pid)')).exitCode
    await expect.poll(running, { timeout: 10_000 }).toBe(0)
    await sandbox.destroy()
    expect(pool().listSessions()).toEqual([])
  })
})
