import { describe, expect, it } from 'vitest'
import { leaseOfTest, places, usePool } from '../helpers/engine.js'
import { until } from '../helpers/until.js'

/** The same server in both languages. It listens 0.2 s after its start. */
const SERVERS = {
  python: `
import http.server, time
print('starting', flush=True)
time.sleep(0.2)
server = http.server.HTTPServer(('127.0.0.1', 8123), http.server.SimpleHTTPRequestHandler)
print('listening on port', server.server_port, flush=True)
server.serve_forever()`,
  nodejs: `
console.log('starting')
setTimeout(() => {
  const server = require('http').createServer((_, res) => res.end('ok'))
  server.listen(8123, '::', () => console.log('listening on port', server.address().port))
}, 200)`,
}
const COMMANDS = { python: ['python3', 'server'], nodejs: ['node', 'server'] }
const CLIENTS = {
  python: 'import urllib.request as u\nprint(u.urlopen("http://127.0.0.1:8123").status)',
  nodejs: 'console.log((await fetch("http://127.0.0.1:8123")).status)',
}

describe.each(places)(
  'a background process of $language under $runtime',
  ({ runtime, language }) => {
    const pool = usePool({ runtime, languages: { [language]: { size: 1 } } })
    const lease = () => leaseOfTest(pool(), language)

    it('the caller can wait for a log line and a port of a process', async () => {
      const sandbox = await lease()
      await sandbox.writeFile('server', SERVERS[language])
      const server = await sandbox.startProcess(COMMANDS[language], { id: 'web' })
      expect(server).toMatchObject({ id: 'web', status: 'running', pid: expect.any(Number) })
      const { line, match } = await server.waitForLog(/port (\d+)/)
      expect([line, match?.[1]]).toEqual(['listening on port 8123', '8123'])
      expect(await server.waitForLog('starting')).toEqual({ line: 'starting' })
      await server.waitForPort(8123)
      expect(await sandbox.runCode(CLIENTS[language])).toMatchObject({ stdout: '200\n' })
      expect(sandbox.listProcesses()).toEqual([server])
      sandbox.killProcess('web', 'SIGTERM')
      expect(await server.exited).toMatchObject({ signal: 'SIGTERM', killedBy: 'abort' })
      expect(server.status).toBe('exited')
      expect(server.logs().stdout).toBe('starting\nlistening on port 8123\n')
    })

    it('a process has the reported pid, its variables and its working directory', async () => {
      const sandbox = await lease()
      await sandbox.mkdir('deep')
      const command = 'echo $$ $TOKEN $PWD; exec sleep 300'
      const options = { env: { TOKEN: 's3cret' }, cwd: '/workspace/deep' }
      const process = await sandbox.startProcess(command, options)
      const { line } = await process.waitForLog('deep')
      expect(line).toBe(`${process.pid} s3cret /workspace/deep`)
      expect((await sandbox.exec(`kill ${process.pid}`)).exitCode).toBe(0)
      expect(await process.exited).toMatchObject({ signal: 'SIGTERM' })
      expect((await process.exited).killedBy).toBeUndefined()
    })

    it('waitForLog() rejects with the last output if the process exits', async () => {
      const sandbox = await lease()
      const process = await sandbox.startProcess('echo one; echo the reason >&2; sleep 0.2; exit 3')
      const error = await process.waitForLog('two').catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'SANDBOX_PROCESS_EXITED' })
      expect(String(error)).toMatch(/exited with code 3.*one.*the reason/s)
      await expect(process.waitForPort(9)).rejects.toMatchObject({ code: 'SANDBOX_PROCESS_EXITED' })
      expect(await process.waitForLog('one')).toEqual({ line: 'one' })
    })

    it('a wait that times out rejects with the last output', async () => {
      const sandbox = await lease()
      const process = await sandbox.startProcess('echo only this; sleep 300')
      await process.waitForLog('only')
      for (const wait of [
        process.waitForPort(8999, { timeoutMs: 100 }),
        process.waitForLog('more', { timeoutMs: 100 }),
      ]) {
        const error = await wait.catch((reason: unknown) => reason)
        expect(error).toMatchObject({ code: 'SANDBOX_WAIT_TIMEOUT' })
        expect(String(error)).toContain('only this')
      }
      await expect(
        process.waitForLog('more', { signal: AbortSignal.abort() }),
      ).rejects.toMatchObject({ name: 'AbortError' })
      expect(process.status).toBe('running')
    })

    it('startProcess() rejects with the reason if the program is missing', async () => {
      const sandbox = await lease()
      await expect(sandbox.startProcess(['no-such-program'])).rejects.toMatchObject({
        code: 'SANDBOX_PROCESS_EXITED',
        message: expect.stringContaining('no-such-program'),
      })
      expect(sandbox.listProcesses()).toEqual([])
    })

    it('a process reads its stdin while it runs', async () => {
      const sandbox = await lease()
      const process = await sandbox.startProcess('while read line; do echo "got $line"; done')
      const stdin = process.stdin.getWriter()
      for (const word of ['one', 'two']) {
        await stdin.write(`${word}\n`)
        expect(await process.waitForLog(`got ${word}`)).toBeDefined()
      }
      await stdin.close()
      expect(await process.exited).toMatchObject({ exitCode: 0, stdout: 'got one\ngot two\n' })
    })

    it('kill() ends all descendants, and the lease ends a daemon', async () => {
      const sandbox = await pool().acquire(language)
      const process = await sandbox.startProcess('sleep 301 & setsid sleep 302 & sleep 303')
      const daemon = await sandbox.exec('(setsid sleep 304 >/dev/null 2>&1 &) ; echo')
      expect(daemon.exitCode).toBe(0)
      const alive = async () => {
        const { stdout } = await sandbox.exec('cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "')
        return [...new Set(stdout.match(/sleep 30[1-4]/g))].sort().join()
      }
      const all = 'sleep 301,sleep 302,sleep 303,sleep 304'
      await until('all four processes run', async () => (await alive()) === all)
      process.kill()
      await process.exited
      await until('three processes have ended', async () => (await alive()) === 'sleep 304')
      sandbox.release()
      await until('the container is removed', () => !pool().isRunning(sandbox.name))
    })

    it('the end of the lease kills the process and rejects its waits', async () => {
      const sandbox = await pool().acquire(language)
      const process = await sandbox.startProcess('echo up; sleep 300')
      await process.waitForLog('up')
      const waiting = process.waitForLog('never').catch((reason: unknown) => reason)
      sandbox.release()
      expect(await process.exited).toMatchObject({ killedBy: 'abort', stdout: 'up\n' })
      expect(await waiting).toMatchObject({ code: 'SANDBOX_PROCESS_EXITED' })
      await expect(sandbox.startProcess('true')).rejects.toMatchObject({
        code: 'SANDBOX_LEASE_ENDED',
      })
    })
  },
)
