import { execFile } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import * as adapters from 'hono-sandbox/adapters'
import * as client from 'hono-sandbox/client'
import * as kubernetes from 'hono-sandbox/kubernetes'
import * as mcp from 'hono-sandbox/mcp'
import * as metrics from 'hono-sandbox/metrics'
import * as middleware from 'hono-sandbox/middleware'
import * as opentelemetry from 'hono-sandbox/opentelemetry'
import * as testing from 'hono-sandbox/testing'
import * as library from 'hono-sandbox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { size } from '../../src/cli/size.js'
import {
  blocksOf,
  commentOf,
  examplesInSources,
  needsSdk,
  PAGES,
  readText,
  root,
} from '../helpers/docs.js'
import { DocsProject } from '../helpers/docs-project.js'
import type { Command } from '../helpers/docs-shell.js'
import { commandsIn, readCurl } from '../helpers/docs-shell.js'

const MANIFEST: {
  scripts: Record<string, string>
  bin: Record<string, string>
  devDependencies: Record<string, string>
} = JSON.parse(readText('package.json'))

const pages = PAGES.map((page) => ({ page, blocks: blocksOf(page) }))
const all = pages.flatMap(({ blocks }) => blocks)
const blocksIn = (language: string) => all.filter((block) => block.language === language)

describe('each code block of the docs', () => {
  it('is in a language that a test checks', () => {
    const known = ['ts', 'sh', 'json', 'jsonl', 'text', 'mermaid']
    for (const { where, language } of all) expect(known, where).toContain(language)
    for (const language of known) expect(blocksIn(language), language).not.toEqual([])
  })

  it.each(pages)('of $page that is a response follows its request', ({ blocks }) => {
    for (const [at, { where, language }] of blocks.entries()) {
      const { text = '', language: previous } = blocks[at - 1] ?? {}
      if (language.startsWith('json')) expect(text, where).toMatch(/^curl /)
      if (language === 'text' && previous !== 'ts') {
        expect(text, where).toMatch(/^(curl|npx hono-sandbox size) /)
      }
    }
  })

  it('with output of `hono-sandbox size` has the real output', () => {
    const commands = pages.flatMap(({ blocks }) =>
      blocks.flatMap(({ where, text }, at) => {
        const isSize = text.startsWith('npx hono-sandbox size ')
        return isSize ? [{ where, text, output: blocks[at + 1]?.text }] : []
      }),
    )
    expect(commands.length).toBeGreaterThan(0)
    for (const { where, text, output } of commands) {
      expect(outputOfSize(commandsIn(text)[0]?.slice(3) ?? []), where).toBe(output)
    }
  })
})

describe('the TypeScript of the docs', () => {
  let project: DocsProject
  beforeAll(async () => {
    project = await DocsProject.create()
  }, 60_000)
  afterAll(() => project.remove())

  it('in pages and doc comments compiles against the package', { timeout: 60_000 }, async () => {
    const examples = examplesInSources()
    for (const { where, language } of examples) expect(language, where).toBe('ts')
    const blocks = [...blocksIn('ts'), ...examples].filter(({ where }) => !needsSdk(where))
    expect(await project.compile(blocks)).toBe('')
  })

  it('in server.mjs is plain JavaScript for Node', async () => {
    const server = blocksOf('README.md').find(({ language }) => language === 'ts')
    const file = path.join(project.folder, 'server.mjs')
    writeFileSync(file, server?.text ?? '')
    await promisify(execFile)(process.execPath, ['--check', file])
  })

  it('has an example of every exported value', () => {
    const names = [
      library,
      adapters,
      middleware,
      testing,
      client,
      kubernetes,
      mcp,
      metrics,
      opentelemetry,
    ].flatMap((exported) => Object.keys(exported))
    for (const name of names) {
      expect(commentOf(name), name).toContain('@example')
    }
  })
})

describe('the shell commands of the docs', () => {
  const commands = blocksIn('sh').flatMap(({ where, text }) =>
    commandsIn(text).map((command) => ({ where, command })),
  )

  it.each(commands)('$where: $command', ({ command }) => {
    const withoutSudo = command.slice(command.findIndex((word) => !/^(?:sudo$|--)/.test(word)))
    const check = CHECKS[withoutSudo[0] ?? '']
    expect(check, withoutSudo[0]).toBeDefined()
    check?.(withoutSudo)
  })
})

const DEPLOY = 'examples/code-runner/deploy'
const UNIT = `${DEPLOY}/code-runner.service`

const CHECKS: Readonly<Record<string, (command: Command) => void>> = {
  curl: (command) => expect(readCurl(command).url.href).toMatch(/^http:\/\/localhost:3000\//),
  npm: ([, verb = '', ...more]) => {
    if (verb === 'ci') expect(existsSync(path.join(root, 'package-lock.json'))).toBe(true)
    else if (verb === 'install')
      more.filter((word) => word !== NO_SCRIPTS).forEach(expectInstallable)
    else expect(MANIFEST.scripts).toHaveProperty(verb === 'run' ? (more[0] ?? '') : verb)
    more.forEach(expectFile)
  },
  npx: ([, name = '', verb = '', ...more]) => {
    if (name in MANIFEST.devDependencies) return
    expect(MANIFEST.bin).toHaveProperty(name)
    if (verb === 'size') return expect(outputOfSize(more)).toContain('languages: {')
    for (const flag of more) expect(readText('src/cli/main.ts')).toContain(`${flag} `)
    expect(readText('src/cli/main.ts')).toContain(`${name} ${verb} [`)
  },
  docker: ([, verb = '', ...words]) => {
    const image = 'code-runner'
    const dockerfile = `${DEPLOY}/Dockerfile`
    const folder = words.at(-1) ?? ''
    if (verb === 'build' && folder !== '.') {
      expect(existsSync(path.join(root, folder, 'Dockerfile')), folder).toBe(true)
      return expect(readText(`${folder}/main.ts`)).toContain(optionsIn(words)['--tag'])
    }
    if (verb === 'build') {
      return expect(words).toEqual(['--file', dockerfile, '--tag', image, '.'])
    }
    if (verb === 'compose') {
      expect(existsSync(path.join(root, `${DEPLOY}/compose.yaml`))).toBe(true)
      return expect(words).toEqual(['--file', `${DEPLOY}/compose.yaml`, 'up', '--detach'])
    }
    expect([verb, words.at(-1)]).toEqual(['run', image])
    expect(optionsIn(words.slice(0, -1))).toMatchObject({
      '--volume': '/var/run/docker.sock:/var/run/docker.sock',
      '--group-add': '$(stat --format %g /var/run/docker.sock)',
      '--publish': '3000:3000',
      '--cap-drop': 'ALL',
      '--stop-timeout': expect.stringMatching(/^[2-9]\d$/),
    })
  },
  export: ([, variable = '']) => {
    expect(readText(`${DEPLOY}/compose.yaml`)).toContain(`\${${variable.split('=')[0]}:?`)
  },
  cp: (command) => {
    expect(command).toEqual(['cp', UNIT, '/etc/systemd/system/'])
    expect(existsSync(path.join(root, UNIT))).toBe(true)
  },
  systemctl: (command) => {
    expect(command).toEqual(['systemctl', 'enable', '--now', path.basename(UNIT)])
  },
  useradd: (command) => expect(command.at(-1)).toBe(unitOf('Service').get('User')),
  chown: (command) => {
    const { User, WorkingDirectory } = Object.fromEntries(unitOf('Service'))
    expect(command).toEqual(['chown', '--recursive', `${User}:`, WorkingDirectory])
  },
  cd: ([, folder]) => expect(folder).toBe(unitOf('Service').get('WorkingDirectory')),
}

/** The option of npm with which the test of the package installs. */
const NO_SCRIPTS = '--ignore-scripts'

function outputOfSize(flags: readonly string[]): string {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  expect(size([...flags], { say, complain: say })).toBe(0)
  return lines.join('\n')
}

/** Fails if a package, or the version of it that the docs name, is not the one of the tests. */
function expectInstallable(word: string): void {
  const sdks: typeof MANIFEST = JSON.parse(readText('test/adapters/package.json'))
  const packages = { ...MANIFEST.devDependencies, ...sdks.devDependencies }
  const tested = new Map<string, string>([['hono-sandbox', ''], ...Object.entries(packages)])
  const [, name = '', version] = /^(@?[^@]+)(?:@(.+))?$/.exec(word) ?? []
  expect([...tested.keys()]).toContain(name)
  if (version !== undefined) expect(`${tested.get(name)}.`, word).toContain(`${version}.`)
}

/** Fails if a word of a command is the path of a test that does not exist. */
function expectFile(word: string): void {
  if (word.startsWith('test/')) expect(existsSync(path.join(root, word)), word).toBe(true)
}

function optionsIn(words: Command): Record<string, string> {
  const options = words.flatMap((word, at) => {
    if (!word.startsWith('--')) return []
    const next = words[at + 1] ?? ''
    return [[word, next.startsWith('--') ? '' : next]]
  })
  return Object.fromEntries(options)
}

/** Returns a section of the systemd unit. If a key comes twice, the last value counts. */
function unitOf(section: string): Map<string, string> {
  const [, text = ''] = readText(UNIT).split(`[${section}]\n`)
  const lines = text.split(/\n(?=\[)/)[0]?.split('\n') ?? []
  return new Map(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
        return [key, value]
      }),
  )
}

/** Returns whether the build makes this file: its source exists and is part of the build. */
function isBuilt(file: string): boolean {
  const { include }: { include: string[] } = JSON.parse(readText('tsconfig.build.json'))
  const [, source = ''] = /^dist\/(.+)\.js$/.exec(file) ?? []
  return include.includes(source.split('/')[0] ?? '') && existsSync(path.join(root, `${source}.ts`))
}

describe('the systemd unit', () => {
  const hasSystemd = existsSync('/usr/bin/systemd-analyze') && existsSync('/usr/bin/node')

  it.skipIf(!hasSystemd)('is valid for systemd, if systemd and Node are installed', async () => {
    const verify = ['verify', path.join(root, UNIT)]
    const { stderr } = await promisify(execFile)('systemd-analyze', verify)
    expect(stderr).not.toContain('code-runner.service')
  })

  it('follows steps that change the owner of its files before npm runs as its user', () => {
    const [steps = ''] = blocksIn('sh').flatMap(({ text }) =>
      text.includes('useradd') ? text : [],
    )
    expect(steps.match(/useradd|chown|npm/g)).toEqual(['useradd', 'chown', 'npm', 'npm'])
    expect(steps).not.toMatch(/^npm/m)
  })

  it('starts a file of the build, and stops it only after its drain time', () => {
    const service = unitOf('Service')
    const [node, file = ''] = service.get('ExecStart')?.split(' ') ?? []
    expect(node).toBe('/usr/bin/node')
    expect(isBuilt(file)).toBe(true)
    expect(service.get('KillSignal')).toBe('SIGTERM')
    const [, drainMs = ''] =
      /DRAIN_MS = ([\d_]+)/.exec(readText('examples/code-runner/main.ts')) ?? []
    const stopMs = Number(service.get('TimeoutStopSec')) * 1000
    expect(stopMs).toBeGreaterThan(Number(drainMs.replaceAll('_', '')))
  })
})

describe('the Dockerfile', () => {
  const lines = readText(`${DEPLOY}/Dockerfile`)
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('#'))
  const copied = lines
    .filter((line) => line.startsWith('COPY '))
    .flatMap((line) => line.split(' ').slice(1, -1))

  it('copies all files that its commands need, and .dockerignore lets them in', () => {
    const included = readText('.dockerignore').matchAll(/^!(.+)$/gm)
    expect(new Set(Array.from(included, ([, name]) => name))).toEqual(new Set(copied))
    for (const name of copied) expect(existsSync(path.join(root, name)), name).toBe(true)
    const { include }: { include: string[] } = JSON.parse(readText('tsconfig.build.json'))
    const needed = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']
    expect(copied).toEqual(expect.arrayContaining([...needed, ...include]))
  })

  it('starts a file of the build, and sets NODE_ENV=production after the build', () => {
    const run = lines.filter((line) => line.startsWith('RUN ')).map((line) => line.slice(4))
    expect(run).toEqual(['npm ci --ignore-scripts', 'npm run build'])
    const production = lines.indexOf('ENV NODE_ENV=production')
    expect(production).toBeGreaterThan(lines.indexOf('RUN npm run build'))
    const command: string[] = JSON.parse(lines.at(-1)?.replace(/^CMD /, '') ?? '')
    expect(command[0]).toBe('node')
    expect(isBuilt(command[1] ?? '')).toBe(true)
  })
})

describe('the compose file', () => {
  const text = readText(`${DEPLOY}/compose.yaml`)

  it('mounts files that exist', () => {
    const mounted = Array.from(text.matchAll(/- (\.\.?\/[^:]+):/g), ([, file = '']) => file)
    expect(mounted).toHaveLength(2)
    for (const file of mounted) expect(existsSync(path.join(root, DEPLOY, file)), file).toBe(true)
  })

  it('stops the server only after its drain time', () => {
    const [, seconds = ''] = /stop_grace_period: (\d+)s/.exec(text) ?? []
    expect(Number(seconds)).toBe(Number(unitOf('Service').get('TimeoutStopSec')))
  })
})
