import { defineLanguage, SandboxPool } from 'hono-sandbox'
import { describe, expect, it } from 'vitest'
import { acceptedImages } from '../../../src/cli/getting.js'
import { BASE_IMAGES, EXTRA_IMAGES } from '../../../src/languages/setup-images.js'
import { LANGUAGES } from '../../../src/languages/built-in.js'
import { fakeEngine } from '../../helpers/fake-engine.js'
import { howToGet } from '../../../src/languages/setup-images.js'

describe('howToGet', () => {
  it('suggests set-up if any image of a language is enough', () => {
    const suggestion = 'Run `npx hono-sandbox setup`, or pull one of these images'
    for (const { images } of Object.values(LANGUAGES)) expect(howToGet(images)).toBe(suggestion)
  })

  it.each([
    { image: EXTRA_IMAGES.compiler, command: 'setup --compiler' },
    { image: EXTRA_IMAGES.data, command: 'setup --data' },
    ...BASE_IMAGES.map((image) => ({ image, command: 'setup' })),
  ])('names the command that gets exactly this image: $image.local', ({ image, command }) => {
    const { local, registry } = image
    expect(howToGet([local])).toBe(
      `Run \`npx hono-sandbox ${command} --from-packages\` to build it, ` +
        `or use the image ${registry}, which \`npx hono-sandbox ${command}\` pulls`,
    )
    // The command accepts the same image.
    expect(acceptedImages(image, { env: {}, source: 'packages' })).toEqual([local])
    expect(acceptedImages(image, { env: {}, source: 'registry' })[0]).toBe(registry)
  })

  it.each(['ours/c:1', 'python:3.13', 'ours/c@sha256:0f'])('suggests a pull of %s', (image) => {
    expect(howToGet([image])).toBe(`Pull it with \`docker pull ${image}\`, or build it`)
  })
})

describe('acceptedImages', () => {
  const [python] = BASE_IMAGES

  it('returns only the named image, or else the image of the registry before the local image', () => {
    if (!python) throw new Error('unreachable')
    const accepted = (name?: string) =>
      acceptedImages(python, { source: 'registry', env: { SANDBOX_BASE_PYTHON_IMAGE: name } })
    expect(accepted()).toEqual(['python:3.13-slim', 'hono-sandbox/python:bookworm'])
    expect(accepted('')).toHaveLength(2)
    expect(accepted('a:1')).toEqual(['a:1'])
  })
})

it.each([
  ['set-up', undefined, 'hono-sandbox setup --compiler'],
  ['the engine', 'Push it', 'Push it'],
])(
  'a pool without its image suggests how to get it with the text of %s',
  async (_, own, suggestion) => {
    const { advice, ...rest } = fakeEngine({ findImage: () => Promise.resolve(undefined) })
    const engine = { ...rest, advice: { ...advice, ...(own && { howToGetImage: own }) } }
    const c = defineLanguage({
      name: 'c',
      image: EXTRA_IMAGES.compiler.local,
      agent: 'python',
      file: 'main.c',
      run: ['./main'],
      size: 1,
    })
    const pool = new SandboxPool({ engine, languages: { c } })
    const report = await pool.start()
    expect(report.c?.errors).toMatchObject([
      {
        code: 'SANDBOX_IMAGE_MISSING',
        message: expect.stringContaining(suggestion),
      },
    ])
    await pool.close()
  },
)
