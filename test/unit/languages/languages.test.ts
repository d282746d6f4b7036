import { execFileSync } from 'node:child_process'
import { array, assert, constantFrom, oneof, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandOf, defineLanguage, interpreterOf } from '../../../src/languages/define.js'
import { SandboxError } from '../../../src/errors.js'
import { AGENTS } from '../../../src/languages/built-in.js'
import { readSettings } from '../../../src/config/settings.js'
import { cases } from '../fakes/property.js'

const SECRET = 'hunter2'
const BASH = {
  name: 'bash',
  image: 'mine/bash:1',
  agent: 'python',
  file: 'main.sh',
  run: ['bash', 'main.sh'],
} as const
const MIB = 1024 * 1024
/** Characters that are special in a shell. */
const META = Array.from(`'"\\$\`!*?~#&|;<>(){}[] \n\t-=`)

/** Returns the message of the error that `run` throws. */
function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    expect(error.code).toBe('SANDBOX_INVALID_OPTION')
    expect(error.message).not.toContain(SECRET)
    return error.message
  }
  throw new Error('it did not throw')
}

const define = (changes: object) =>
  Reflect.apply(defineLanguage, undefined, [{ ...BASH, ...changes }])
const settingsOf = (languages: object) =>
  Reflect.apply(readSettings, undefined, [{ languages }, {}])

describe('defineLanguage', () => {
  it('returns a definition for a pool', () => {
    const definition = {
      ...BASH,
      compile: ['true'],
      env: { A: '1' },
      preload: ['json'],
      size: 1,
      max: 3,
    }
    expect(defineLanguage(definition)).toEqual(definition)
    expect(defineLanguage(BASH)).toEqual(BASH)
  })

  it.each(['python', 'nodejs', 'typescript', 'constructor', '', 'Bash', 'c++', '1st', '__proto__'])(
    'refuses the name %j',
    (name) => {
      expect(messageOf(() => define({ name }))).toMatch(/^defineLanguage: name is not valid/)
    },
  )

  it.each(['', '.', '..', '/main.sh', 'a/b', '-e', 'a\0b', '--'])('refuses the file %j', (file) => {
    expect(messageOf(() => define({ file }))).toMatch(/^defineLanguage: file is not valid/)
  })

  it.each(['main', '.bashrc', 'a b.c', 'Main.java', '..a'])('accepts the file %j', (file) => {
    expect(defineLanguage({ ...BASH, file }).file).toBe(file)
  })

  it.each([
    [{ run: [] }, 'run is not valid, expected a program and its arguments'],
    [{ run: [''] }, 'run is not valid, expected a program and its arguments'],
    [{ run: ['-c', SECRET] }, 'run is not valid'],
    [{ run: SECRET }, 'run is not valid, expected Array'],
    [{ run: undefined }, 'run is not valid, expected Array'],
    [{ compile: [] }, 'compile is not valid'],
    [{ compile: [SECRET, 'a\0b'] }, 'compile.1 is not valid'],
    [{ agent: SECRET }, "agent is not valid, expected 'python' or 'nodejs'"],
    [{ image: '' }, 'image is not valid'],
    [{ image: undefined }, 'image is not valid'],
    [{ env: { [`${SECRET}=`]: 'x' } }, 'env is not valid'],
    [{ env: { A: 1 } }, 'env.A is not valid'],
    [{ preload: [''] }, 'preload.0 is not valid, expected the name of a module'],
    [{ size: -1 }, 'size is not valid'],
    [{ runs: [SECRET] }, 'runs is not an option'],
  ])('refuses %j', (changes, part) => {
    expect(messageOf(() => define(changes))).toContain(`defineLanguage: ${part}`)
  })

  it('refuses a value that is not a definition', () => {
    for (const value of [undefined, null, SECRET, []]) {
      messageOf(() => Reflect.apply(defineLanguage, undefined, [value]))
    }
    expect(messageOf(() => Reflect.apply(defineLanguage, undefined, [{}]))).toBe(
      'defineLanguage: name is missing',
    )
  })
})

describe('the commands of a defined language', () => {
  it('are the run command with the arguments of the call', () => {
    expect(commandOf({ run: ['bash', 'main.sh'] })).toEqual(['bash', 'main.sh'])
    expect(commandOf({ run: ['bash', 'main.sh'] }, ['a b', '$c'])).toEqual([
      'bash',
      'main.sh',
      'a b',
      '$c',
    ])
  })

  it('are one shell command if there is a compiler', () => {
    const argv = commandOf({ compile: ['cc', '-o', 'main', 'main.c'], run: ['./main'] }, ['1'])
    const script = `'cc' '-o' 'main' 'main.c' && exec './main' "$@"`
    expect(argv).toEqual(['/bin/sh', '-c', script, 'sh', '1'])
  })

  it('end with the exit code of the compiler if it fails, without a run', () => {
    const [shell = '', ...args] = commandOf({
      compile: ['sh', '-c', 'echo "it\'s no good" >&2; exit 3'],
      run: ['echo', 'ran'],
    })
    const ran = () => execFileSync(shell, args, { stdio: 'pipe', encoding: 'utf8' })
    expect(ran).toThrow(
      expect.objectContaining({ status: 3, stdout: '', stderr: "it's no good\n" }),
    )
  })

  it('pass each word unchanged through the shell', { timeout: 30_000 }, () => {
    const word = oneof(string({ unit: 'binary' }), string({ unit: constantFrom(...META) }))
    const words = array(
      word.filter((text) => !/[\0\p{Surrogate}]/u.test(text)),
      { maxLength: 5 },
    )
    const print = ['/usr/bin/printf', '<%s>', '']
    assert(
      property(words, words, words, (compiled, run, args) => {
        const compile = [...print, ...compiled]
        const [shell = '', ...rest] = commandOf({ compile, run: [...print, ...run] }, args)
        const printed = execFileSync(shell, rest, { encoding: 'utf8' })
        const expected = ['', ...compiled, '', ...run, ...args].map((text) => `<${text}>`)
        expect(printed).toBe(expected.join(''))
      }),
      cases(30),
    )
  })

  it.each([
    [{ run: ['bash', 'main.sh'] }, 'bash'],
    [{ compile: ['cc', 'main.c'], run: ['./main'] }, 'cc'],
    [{ run: ['/opt/x/bin/x'] }, '/opt/x/bin/x'],
    [{ run: ['./main'] }, undefined],
    [{ compile: ['tools/build'], run: ['bash'] }, undefined],
  ])('%j need %s in the image', (commands, expected) => {
    expect(interpreterOf(commands)).toBe(expected)
  })
})

describe('the languages of a pool', () => {
  const configOf = (settings: ReturnType<typeof readSettings>, language: string): unknown =>
    JSON.parse(settings.languages.get(language)?.command.at(-1) ?? '')

  it('configure their agents with preloads and limits', () => {
    const bash = defineLanguage({ ...BASH, preload: ['json'], env: { A: '1' } })
    const languages = { python: { preload: ['numpy'] }, nodejs: {}, typescript: {}, bash }
    const settings = readSettings({ languages, memory: '100m' }, {})
    const limits = { contextBytes: 25 * MIB, pids: 128 }
    expect(configOf(settings, 'python')).toEqual({ preload: ['numpy'], ...limits })
    expect(configOf(settings, 'nodejs')).toEqual(limits)
    expect(configOf(settings, 'typescript')).toEqual({ typescript: true, ...limits })
    expect(configOf(settings, 'bash')).toEqual({ preload: ['json'], ...limits })
    const command = expect.arrayContaining([...AGENTS.python.agent.command])
    expect(settings.languages.get('bash')).toMatchObject({
      command,
      reaper: 'agent',
      images: ['mine/bash:1'],
      commands: { file: 'main.sh', run: ['bash', 'main.sh'], env: { A: '1' } },
    })
    expect(settings.languages.get('python')?.commands).toBeUndefined()
  })

  it('use the image and the reaper of Node for TypeScript', () => {
    const env = { SANDBOX_BASE_NODEJS_IMAGE: 'mine', SANDBOX_POOL_SIZE: 3 }
    const { languages } = readSettings({ languages: { typescript: {} } }, env)
    expect(languages.get('typescript')).toMatchObject({ images: ['mine'], size: 3, max: 6 })
    expect(languages.get('typescript')).toMatchObject({ reaper: 'engine' })
  })

  it('must have the names of their definitions', () => {
    const message = messageOf(() => readSettings({ languages: { sh: BASH } }, {}))
    expect(message).toBe('languages.sh: expected a definition with this name, got the name bash')
  })

  it.each([
    [
      { bash: {} },
      'languages.bash is not valid, expected a definition from defineLanguage(), because only python, nodejs, typescript are built in',
    ],
    [{ bash: { size: 1 } }, 'languages.bash is not valid'],
    [{ bash: SECRET }, 'languages.bash is not valid'],
    [{ bash: { name: 'bash' } }, 'languages.bash.image is missing'],
    [{ python: BASH }, 'languages.python.name is not an option'],
    [{ python: { preload: [SECRET, ''] } }, 'languages.python.preload.1 is not valid'],
    [{ python: { preload: SECRET } }, 'languages.python.preload is not valid'],
    [
      { bash: { ...BASH, size: 3, max: 2 } },
      'languages.bash: max is 2, expected at least the size 3',
    ],
  ])('are refused if they are %j', (languages, part) => {
    expect(messageOf(() => settingsOf(languages))).toContain(part)
  })
})
