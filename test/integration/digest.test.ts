import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import Docker from 'dockerode'
import { createDockerEngine } from 'hono-sandbox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const docker = new Docker()
const engine = createDockerEngine()
const name = `hono-sandbox-test/${randomBytes(4).toString('hex')}`
const contents = new Map<string, Buffer>()
const registry = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '', 'http://registry')
  const body = contents.get(pathname.split('/').at(-1) ?? '')
  if (pathname === '/v2/') return response.end('{}')
  if (!body) return response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
  response.writeHead(200, { 'content-type': MANIFEST, 'content-length': body.length })
  response.end(request.method === 'HEAD' ? undefined : body)
})

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
/** An empty tar archive. */
const LAYER = Buffer.alloc(1024)

/** Adds a blob to the registry, and returns its descriptor. */
function blob(kind: string, body: Buffer) {
  const digest = digestOf(body)
  contents.set(digest, body)
  const mediaType = `application/vnd.docker.${kind}`
  return { mediaType, size: body.length, digest }
}

function digestOf(body: Buffer): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`
}

/** The registry has one image without a tag, which can be pulled only by its digest. */
describe('an image digest', () => {
  let pinned = ''
  let manifest = Buffer.alloc(0)
  beforeAll(async () => {
    await new Promise<void>((resolve) => {
      registry.listen(0, '127.0.0.1', resolve)
    })
    const rootfs = { type: 'layers', diff_ids: [digestOf(LAYER)] }
    const config = Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Cmd: [name] }, rootfs }),
    )
    manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: blob('container.image.v1+json', config),
        layers: [blob('image.rootfs.diff.tar', LAYER)],
      }),
    )
    const address = registry.address()
    if (typeof address !== 'object' || !address) throw new Error('the registry does not listen')
    pinned = `127.0.0.1:${address.port}/${name}@${digestOf(manifest)}`
  })
  afterAll(async () => {
    engine.close()
    registry.closeAllConnections()
    registry.close()
    await docker.getImage(pinned).remove()
  })

  it('a pull by digest fails if the registry sends another image', async () => {
    contents.set(digestOf(manifest), Buffer.concat([manifest, Buffer.from(' ')]))
    await expect(engine.pull(pinned)).rejects.toMatchObject({ code: 'SANDBOX_ENGINE_FAILED' })
    expect(await engine.hasImage(pinned)).toBe(false)
  })

  it('an image is pulled and found by its digest', async () => {
    contents.set(digestOf(manifest), manifest)
    await engine.pull(pinned)
    expect(await engine.hasImage(pinned)).toBe(true)
    expect(await engine.hasImage(pinned.replace('@', ':1.0@'))).toBe(true)
  })
})
