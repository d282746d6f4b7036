import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { useCodeRunner } from '../helpers/code-runner.js'
import { until } from '../helpers/until.js'

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
const READ = `import sys
for name in sys.argv[1:]: print(open(name, 'rb').read().hex())`

type Part = [name: string, value: string, filename?: string]

function formOf(...parts: Part[]): FormData {
  const form = new FormData()
  for (const [name, value, filename] of parts) {
    if (filename === undefined) form.append(name, value)
    else form.append(name, new Blob([Buffer.from(value, 'latin1')]), filename)
  }
  return form
}

describe('a run that is sent as a form', () => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: 'runc' })

  it('a form has the fields of the JSON body, and files by their names', async () => {
    const code = `import json, os, sys
print(sys.stdin.read(), sys.argv[1:], os.environ['A'])
open('out.txt', 'w').write(open('in/ü 日本.txt').read() * 2)`
    const answer = await runner().run(
      formOf(
        ['language', 'python'],
        ['code', code],
        ['stdin', 'in é'],
        ['args', '["x", "y z"]'],
        ['env', '{ "A": "b" }'],
        ['timeoutMs', '20000'],
        ['whatever', 'hi', 'in/ü 日本.txt'],
        ['whatever', 'same', 'second.txt'],
      ),
    )
    expect(answer).toMatchObject({ stderr: '', exitCode: 0, stdout: "in é ['x', 'y z'] b\n" })
    const content = Buffer.from('hihi').toString('base64')
    expect(answer.files).toEqual([{ path: 'out.txt', mimeType: 'text/plain', size: 4, content }])
    expect(answer.filesOmitted).toBe(0)
  })

  it('a form passes all bytes of a file unchanged', async () => {
    const answer = await runner().run(
      formOf(
        ['language', 'python'],
        ['code', READ],
        ['args', '["a.bin", "empty"]'],
        ['a', BYTES.toString('latin1'), 'a.bin'],
        ['b', '', 'empty'],
      ),
    )
    expect(answer.stdout).toBe(`${BYTES.toString('hex')}\n\n`)
  })

  it('a form can start a streamed run', async () => {
    const form = formOf(['language', 'nodejs'], ['code', 'console.log(1)'])
    const answer = await runner().post(form, { path: '/run/stream' })
    expect(await answer.text()).toMatch(/^event: stdout\ndata: .*"1\\n"}\n\nevent: exit\n/)
  })

  const run: Part[] = [
    ['language', 'python'],
    ['code', 'print("s3cr3t")'],
  ]
  it.each<[string, ...Part[]]>([
    ['no language', ['code', 's3cr3t']],
    ['arguments that are not JSON', ...run, ['args', 's3cr3t']],
    ['a timeout that is not a number', ...run, ['timeoutMs', '"s3cr3t"']],
    ['an unknown field', ...run, ['s3cr3t', '']],
    ['text in the field files', ...run, ['files', 's3cr3t']],
    ['a file without a name', ...run, ['a', 's3cr3t', '']],
    ['a file as its language', ['language', 's3cr3t', 'a'], ['code', '']],
    ['a folder as a file', ...run, ['a', 's3cr3t', '/']],
    ['a field called __proto__', ...run, ['__proto__', '{"s3cr3t": 1}']],
  ])(
    'a form with %s is refused with 400, and the message does not echo it',
    async (_, ...parts) => {
      const answer = await runner().post(formOf(...parts))
      const text = await answer.text()
      expect(answer.status, text).toBe(400)
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'BAD_REQUEST' } })
      expect(text).not.toContain('s3cr3t')
    },
  )

  it.each([
    ['without a boundary', 'multipart/form-data', 's3cr3t'],
    ['without an end', 'multipart/form-data; boundary=b', '--b\r\ns3cr3t'],
    ['without content', 'Multipart/Form-Data; boundary=b', ''],
  ])('a form %s is refused with 400', async (_, type, body) => {
    const headers = { 'content-type': type }
    const answer = await fetch(`${runner().url}/run`, { method: 'POST', headers, body })
    expect(answer.status).toBe(400)
    expect(await answer.text()).not.toContain('s3cr3t')
  })

  it.each(['application/json', 'multipart/form-data; boundary=b'])(
    'an incomplete body of type %s from a disconnected client holds no sandbox',
    async (type) => {
      const { hostname, port } = new URL(runner().url)
      const socket = connect(Number(port), hostname)
      const head = `POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: 999\r\n`
      socket.write(`${head}Expect: 100-continue\r\n\r\n{ "language"`)
      await until('the server reads the body', () => socket.bytesRead > 0)
      socket.destroy()
      await runner().settled()
    },
  )
})
