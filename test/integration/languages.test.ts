import { describe, expect, it, onTestFinished } from 'vitest'
import type { SandboxPoolOptions } from 'hono-sandbox'
import { defineLanguage, SandboxPool } from 'hono-sandbox'
import { EXTRA_IMAGES } from '../../src/languages/setup-images.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import {
  containersOf,
  availableImage,
  leaseOfTest,
  ownerOf,
  poolOfTest,
  runtimes,
  usePool,
} from '../helpers/engine.js'
import { until } from '../helpers/until.js'

const images = {
  python: await availableImage(LANGUAGES.python.images),
  nodejs: await availableImage(LANGUAGES.nodejs.images),
  data: await availableImage([EXTRA_IMAGES.data.registry, EXTRA_IMAGES.data.local]),
  compiler: await availableImage([EXTRA_IMAGES.compiler.registry, EXTRA_IMAGES.compiler.local]),
}

const bash = defineLanguage({
  name: 'bash',
  image: images.python,
  agent: 'python',
  file: 'main.sh',
  run: ['bash', 'main.sh'],
  env: { GREETING: 'hello', WHO: 'world' },
  size: 1,
})
const c = defineLanguage({
  name: 'c',
  image: images.compiler,
  agent: 'python',
  file: 'main.c',
  compile: ['cc', '-o', 'main', 'main.c'],
  run: ['./main'],
  size: 1,
})
/** A language with the Node agent. */
const sh = defineLanguage({
  name: 'sh',
  image: images.nodejs,
  agent: 'nodejs',
  file: 'main.sh',
  run: ['sh', 'main.sh'],
  size: 1,
})

/** Starts a pool, and returns the error of the start after its containers are removed. */
async function failureOf(options: SandboxPoolOptions): Promise<unknown> {
  const names: string[] = []
  const pool = new SandboxPool(options)
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  pool.on('launchFailed', ({ name }) => names.push(name))
  const failure = await pool.start().then(
    () => undefined,
    (error: unknown) => error,
  )
  const [name = ''] = names
  expect(names).not.toEqual([])
  await until('its containers are removed', async () => {
    return (await containersOf(ownerOf(name))).length === 0
  })
  return failure
}

describe.each(runtimes)('a defined language under %s', (runtime) => {
  const pool = usePool({ runtime, languages: { bash, c, sh } })

  it.each(['bash', 'sh'])('%s runs code with arguments, variables and stdin', async (language) => {
    const sandbox = await leaseOfTest(pool(), language)
    expect(sandbox.language).toBe(language)
    const code = 'read line; echo "$line, $GREETING $WHO $#: $2"; echo no >&2; exit 3'
    const env = { WHO: 'you', ...(language === 'sh' && { GREETING: 'hello' }) }
    const run = sandbox.runCode(code, { args: ['1', "it's $2"], stdin: 'well\n', env })
    expect(await run).toMatchObject({
      stdout: "well, hello you 2: it's $2\n",
      stderr: 'no\n',
      exitCode: 3,
    })
    const again = await sandbox.runCode('echo "$GREETING"; ls')
    expect(again.stdout).toBe(language === 'bash' ? 'hello\nmain.sh\n' : '\nmain.sh\n')
  })

  it('the file of the code lies in the working directory', async () => {
    const sandbox = await leaseOfTest(pool(), 'bash')
    await sandbox.mkdir('in here')
    const { stdout } = await sandbox.runCode('pwd; ls', { cwd: 'in here' })
    expect(stdout).toBe('/workspace/in here\nmain.sh\n')
  })

  it('a compiled language compiles the code before the run', async () => {
    const sandbox = await leaseOfTest(pool(), 'c')
    const code = `
      #include <stdio.h>
      int main(int count, char **args) {
        printf("%d %s\\n", 6 * 7, args[count - 1]);
        return 3;
      }`
    const result = await sandbox.runCode(code, { args: ['a', 'b c'] })
    expect(result).toMatchObject({ stdout: '42 b c\n', stderr: '', exitCode: 3 })
  })

  it('code that does not compile is not run, and stderr has the reason', async () => {
    const sandbox = await leaseOfTest(pool(), 'c')
    await sandbox.runCode('int main() { return 0; }')
    const result = await sandbox.runCode('int main() { return none; }')
    expect(result).toMatchObject({ exitCode: 1, stdout: '' })
    expect(result.stderr).toContain('main.c:1')
  })

  it('a compiled program ends at the time limit of the call', async () => {
    const sandbox = await leaseOfTest(pool(), 'c')
    const result = await sandbox.runCode('int main() { for (;;); }', { timeoutMs: 1500 })
    expect(result).toMatchObject({ killedBy: 'timeout', signal: 'SIGKILL' })
  })
})

describe.each(runtimes)('the start of a pool under %s', (runtime) => {
  it('the start fails if the image has no interpreter', async () => {
    const ruby = defineLanguage({
      ...bash,
      name: 'ruby',
      run: ['ruby', 'main.rb'],
      file: 'main.rb',
    })
    expect(await failureOf({ runtime, languages: { ruby } })).toMatchObject({
      code: 'SANDBOX_INTERPRETER_MISSING',
      message: expect.stringContaining(`ruby needs "ruby", which the image ${images.python}`),
    })
  })

  it.each(['python', 'nodejs'])(
    'the start of %s fails if a preload fails, and names it',
    async (language) => {
      const preload = [language === 'python' ? 'json' : 'node:path', 'no_such_module']
      const languages = { [language]: { size: 2, preload } }
      expect(await failureOf({ runtime, languages })).toMatchObject({
        code: 'SANDBOX_PRELOAD_FAILED',
        message: expect.stringContaining('"no_such_module"'),
      })
    },
  )

  it('preloaded modules are already imported', async () => {
    const preload = ['numpy', 'pandas', 'matplotlib.pyplot']
    const languages = { python: { size: 1, image: images.data, preload } }
    const sandbox = await leaseOfTest(await poolOfTest({ runtime, languages }), 'python')
    const code = `
import sys
print([name in sys.modules for name in (${preload.map((name) => `'${name}'`).join()})])
import pandas
print(pandas.DataFrame({'a': [1, 2, 1], 'b': [3, 4, 5]}).groupby('a').b.sum().to_dict())`
    const { stdout, stderr } = await sandbox.runCode(code)
    expect({ stdout, stderr }).toEqual({ stdout: '[True, True, True]\n{1: 8, 2: 4}\n', stderr: '' })
  })

  it('the language typescript strips types', async () => {
    const pool = await poolOfTest({ runtime, languages: { typescript: { size: 1 } } })
    const sandbox = await leaseOfTest(pool, 'typescript')
    expect(sandbox.language).toBe('typescript')
    const code =
      'type Answer = number\nconst answer: Answer = 6 * 7\nconsole.log(answer satisfies Answer)'
    expect(await sandbox.runCode(code)).toMatchObject({ stdout: '42\n', stderr: '', exitCode: 0 })
  })
})
