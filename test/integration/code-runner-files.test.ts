import { describe, expect, it } from 'vitest'
import type { Answer } from '../helpers/code-runner.js'
import { useCodeRunner } from '../helpers/code-runner.js'
import { languages, runtimes } from '../helpers/engine.js'

const MIB = 1024 * 1024
const BYTES = Buffer.from(Array.from({ length: 256 }, (_, at) => at))

const base64 = (content: string | Buffer) => Buffer.from(content).toString('base64')
const file = (path: string, content: string | Buffer = 'x') => ({ path, content: base64(content) })
/** Returns the texts of the files of an answer, by path. */
const textsOf = ({ files }: Answer) =>
  Object.fromEntries(files.map(({ path, content }) => [path, atob(content)]))

/** The same programs in each language. */
const PROGRAMS = {
  python: {
    nothing: '',
    /** Prints the files that its arguments name, in hex. */
    print: 'import sys\nfor name in sys.argv[1:]: print(open(name, "rb").read().hex())',
    /** Makes the files that the JSON on its standard input has, by path. */
    make: `import json, os, sys
for path, text in json.load(sys.stdin).items():
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    open(path, 'w', encoding='latin-1').write(text)`,
    command: 'import subprocess, sys\nsys.exit(subprocess.run(sys.argv[1], shell=True).returncode)',
    fill: `print('before')
with open('big', 'wb', buffering=0) as big:
    while True: big.write(bytes(65536))`,
    close: 'import os\nos.chmod(".", 0)\nprint("closed")',
  },
  nodejs: {
    nothing: '',
    print: `const fs = require('fs')
for (const name of process.argv.slice(2)) console.log(fs.readFileSync(name).toString('hex'))`,
    make: `const fs = require('fs')
for (const [path, text] of Object.entries(JSON.parse(fs.readFileSync(0, 'utf8')))) {
  fs.mkdirSync(require('path').dirname(path), { recursive: true })
  fs.writeFileSync(path, text, 'latin1')
}`,
    command: 'require("child_process").execSync(process.argv[2])',
    fill: `const fs = require('fs')
console.log('before')
for (const big = fs.openSync('big', 'w'); ; ) fs.writeSync(big, Buffer.alloc(65536))`,
    close: 'require("fs").chmodSync(".", 0)\nconsole.log("closed")',
  },
}

describe.each(runtimes)('the files of a run under %s', (runtime) => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: runtime })

  describe.each(languages)('in %s', (language) => {
    const programs = PROGRAMS[language]
    const run = (name: keyof typeof programs, more: object = {}) =>
      runner().run({ language, code: programs[name], ...more })

    it('input files have the paths and bytes of the request', async () => {
      const contents = {
        'data.bin': BYTES,
        'a/b/c/deep.txt': Buffer.from('deep'),
        'ünï cödé/日本 🙂.txt': Buffer.from('é'),
        'a line\nand one.txt': Buffer.from('two'),
        '-rf': Buffer.from('no option'),
        'main.py': Buffer.from('raise SystemExit(9)'),
        'main.js': Buffer.from('process.exit(9)'),
        '/tmp/elsewhere': Buffer.from('absolute'),
        'a/../up.txt': Buffer.from('up'),
        empty: Buffer.alloc(0),
      }
      const args = Object.keys(contents)
      const files = Object.entries(contents).map(([path, content]) => file(path, content))
      const answer = await run('print', { files, args })
      expect(answer).toMatchObject({ exitCode: 0, stderr: '', files: [], filesOmitted: 0 })
      const hex = Object.values(contents).map((content) => content.toString('hex'))
      expect(answer.stdout.split('\n')).toEqual([...hex, ''])
    })

    it('new and changed files are returned with type and content', async () => {
      const files = [file('same.txt'), file('grown.txt'), file('other.txt', 'x'), file('in/same')]
      const made: Record<string, string> = {
        'grown.txt': 'xx',
        'other.txt': 'y',
        'plot.png': BYTES.toString('latin1'),
        'out/ü 日本.csv': 'a,b',
        'out/page.html': '<p>',
        'out/none': '',
        'out/what.is-this': '?',
      }
      const { files: found, filesOmitted } = await run('make', {
        files,
        stdin: JSON.stringify(made),
      })
      const types: Record<string, string> = {
        'grown.txt': 'text/plain',
        'other.txt': 'text/plain',
        'plot.png': 'image/png',
        'out/ü 日本.csv': 'text/csv',
        'out/page.html': 'text/html',
        'out/none': 'application/octet-stream',
        'out/what.is-this': 'application/octet-stream',
      }
      const wanted = Object.keys(made)
        .toSorted()
        .map((path) => {
          const content = Buffer.from(made[path] ?? '', 'latin1')
          return {
            path,
            mimeType: types[path],
            size: content.length,
            content: base64(content),
          }
        })
      const sorted = found.toSorted((one, other) => (one.path < other.path ? -1 : 1))
      expect([sorted, filesOmitted]).toEqual([wanted, 0])
    })

    it('links, pipes and folders are not returned', async () => {
      const command = `ln -s /etc/passwd link; ln -s / root; ln -s loop loop; ln -s none broken
        mkfifo pipe; mkdir -p folder/empty; echo x > folder/file; ln -s folder folder2`
      const answer = await run('command', { args: [command] })
      expect([textsOf(answer), answer.filesOmitted]).toEqual([{ 'folder/file': 'x\n' }, 0])
    })

    it('the oldest files beyond the limits are only counted, and caches are not', async () => {
      const touch = 'for n in $(seq 10 32); do touch -d @$n f$n; done; mkdir __pycache__ .cache'
      const args = [`${touch}; touch __pycache__/helper.pyc .cache/x`]
      const some = await run('command', { args })
      const newest = Array.from({ length: 20 }, (_, at) => `f${32 - at}`)
      expect([Object.keys(textsOf(some)), some.filesOmitted]).toEqual([newest, 3])
      const command = `head -c ${4 * MIB + 1} /dev/zero > a; head -c ${4 * MIB - 1} /dev/zero > b
        echo -n c > c; echo -n d > d; touch -d @1 a b c d`
      const large = await run('command', { args: [command] })
      expect(large.files.map(({ path, size }) => [path, size])).toEqual([
        ['b', 4 * MIB - 1],
        ['c', 1],
      ])
      expect(large.filesOmitted).toBe(2)
    })

    it('a full disk does not prevent the answer', async () => {
      const answer = await run('fill')
      expect(answer).toMatchObject({ stdout: 'before\n', killedBy: 'disk', files: [] })
      expect(answer.filesOmitted).toBe(1)
    })

    it('an unreadable workspace does not prevent the answer', async () => {
      const answer = await run('close')
      expect(answer).toMatchObject({ stdout: 'closed\n', files: [], filesOmitted: null })
    })

    it.each([
      ['in a folder of root', [file('/etc/s3cr3t')]],
      ['of a folder', [file('s3cr3t/b'), file('s3cr3t')]],
      ['beneath a file', [file('s3cr3t'), file('s3cr3t/b')]],
      ['that is too long', [file(`s3cr3t${'x'.repeat(255)}`)]],
    ])('an input file with a path %s is refused with 400', async (_, files) => {
      const answer = await runner().post({ language, code: programs.nothing, files })
      const text = await answer.text()
      expect(answer.status, text).toBe(400)
      const message = expect.stringMatching(/^files: .*\(E[A-Z]+\)$/)
      expect(JSON.parse(text)).toEqual({ error: { code: 'BAD_REQUEST', message } })
      expect(text).not.toContain('s3cr3t')
    })
  })

  it.each([
    ['no path', [{ content: '' }]],
    ['an empty path', [file('')]],
    ['a NUL', [file('s3cr3t\0')]],
    ['half a character', [file('s3cr3t\udcff')]],
    ['no content', [{ path: 's3cr3t' }]],
    ['content that is not base64', [{ path: 'a', content: 's3cr3t?!' }]],
    ['incomplete base64', [{ path: 'a', content: 'QQ' }]],
    ['content that is a number', [{ path: 'a', content: 5 }]],
    ['an unknown field', [{ ...file('a'), s3cr3t: true }]],
    ['too many files', Array.from({ length: 101 }, (_, at) => file(`s3cr3t${at}`))],
    ['an object in place of the list', { s3cr3t: base64('x') }],
  ])('files with %s are refused with 400, and the message does not echo them', async (_, files) => {
    const answer = await runner().post({ language: 'python', code: '', files })
    const text = await answer.text()
    expect(answer.status, text).toBe(400)
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'BAD_REQUEST' } })
    expect(text).not.toContain('s3cr3t')
  })

  it('a request may have a hundred files that fill the body', async () => {
    const large = file('large', Buffer.alloc(6 * MIB - 4096, 7))
    const code = 'import glob, os\nprint(len(glob.glob("[!m]*")), os.path.getsize("large"))'
    const rest = Array.from({ length: 99 }, (_, at) => file(`f${at}`))
    const answer = await runner().run({ language: 'python', code, files: [large, ...rest] })
    expect(answer).toMatchObject({ stdout: `100 ${6 * MIB - 4096}\n`, files: [], filesOmitted: 0 })
  })

  it('refused files leave no leased sandbox', () => runner().settled())
})
