import { describe, expect, it } from 'vitest'
import { readSettings } from '../../../examples/code-runner/settings.js'
import { TOKEN } from '../../helpers/code-runner-app.js'
import { codesIn, readText, tableOf } from '../../helpers/docs.js'

describe('the settings', () => {
  it('are those of the table in the docs', () => {
    const names = tableOf('docs/code-runner.md', 'Variable').rows.map(
      ([name = '']) => codesIn(name)[0] ?? '',
    )
    const read = readText('examples/code-runner/settings.ts').match(/(?<=\benv\.|\(env, ')[A-Z_]+/g)
    expect([...new Set(read)].sort()).toEqual(names.sort())
  })

  it('without variables are those of a server for its own machine', () => {
    expect(readSettings({})).toMatchObject({
      hostname: '127.0.0.1',
      port: 3000,
      token: undefined,
      rateLimit: 600,
      proxies: 0,
    })
  })

  it('have a random secret unless a variable has one', () => {
    const secret = 's'.repeat(32)
    expect(readSettings({ CODE_RUNNER_SECRET: secret }).secret).toBe(secret)
    expect(readSettings({}).engine).toBe('docker')
    expect(readSettings({ CODE_RUNNER_ENGINE: 'kubernetes' }).engine).toBe('kubernetes')
    expect(() => readSettings({ CODE_RUNNER_ENGINE: 'podman' })).toThrow(
      'CODE_RUNNER_ENGINE: expected docker or kubernetes',
    )
    expect(readSettings({}).secret).not.toBe(readSettings({}).secret)
    expect(readSettings({}).secret).toMatch(/^.{40}/)
  })

  it.each(['127.0.0.1', '127.8.9.10', '::1', 'localhost'])('need no token for %s', (HOST) => {
    expect(readSettings({ HOST })).toMatchObject({ hostname: HOST, token: undefined })
  })

  it.each(['0.0.0.0', '::', '192.168.1.5', 'code.example.com', '0', '127.1', '::ffff:1.2.3.4'])(
    'need a token or the waiver for %s',
    (HOST) => {
      expect(() => readSettings({ HOST })).toThrow(
        /other machines can reach .*set CODE_RUNNER_TOKEN .*CODE_RUNNER_WITHOUT_TOKEN=anyone-may-run-code/,
      )
      expect(readSettings({ HOST, CODE_RUNNER_TOKEN: TOKEN }).token).toBe(TOKEN)
      const waiver = { CODE_RUNNER_WITHOUT_TOKEN: 'anyone-may-run-code' }
      expect(readSettings({ HOST, ...waiver }).token).toBeUndefined()
    },
  )

  it.each([
    { CODE_RUNNER_TOKEN: 'too-short-s3cr3t'.slice(1) },
    { CODE_RUNNER_TOKEN: `${TOKEN} s3cr3t` },
    { CODE_RUNNER_TOKEN: `${TOKEN}é` },
    { CODE_RUNNER_TOKEN: '='.repeat(20) },
    { CODE_RUNNER_SECRET: 's3cr3t'.repeat(5) },
    { CODE_RUNNER_WITHOUT_TOKEN: '1' },
    { CODE_RUNNER_WITHOUT_TOKEN: 'true', CODE_RUNNER_TOKEN: TOKEN },
    { CODE_RUNNER_RATE_LIMIT: '-1' },
    { CODE_RUNNER_RATE_LIMIT: '1.5' },
    { CODE_RUNNER_RATE_LIMIT: ' ' },
    { CODE_RUNNER_PROXIES: 'yes' },
    { PORT: '70000' },
    { ALLOWED_HOSTS: 'http://a.example' },
  ])('refuse %o with the name of the variable, and do not print a secret', (env) => {
    const [name = ''] = Object.keys(env)
    expect(() => readSettings(env)).toThrow(new RegExp(`^${name}\\b.*expected`))
    expect(() => readSettings(env)).not.toThrow(/s3cr3t/)
  })
})
