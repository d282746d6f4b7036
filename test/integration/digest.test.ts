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
/** A tar archive with nothing in it. */
const LAYER = Buffer.alloc(1024)

/** Puts a blob into the registry, and describes it. */
function blob(kind: string, body: Buffer) {
  const digest = digestOf(body)
  contents.set(digest, body)
  const mediaType = `application/vnd.docker.${kind}`
  return { mediaType, size: body.length, digest }
}

function digestOf(body: Buffer): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`
}

/** A registry with one image, under no tag: it can be had by its digest alone. */
describe('an image that is named by its digest', () => {
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

  it('is refused where the registry gives another one', async () => {
    contents.set(digestOf(manifest), Buffer.concat([manifest, Buffer.from(' ')]))
    await expect(engine.pull(pinned)).rejects.toMatchObject({ code: 'SANDBOX_ENGINE_FAILED' })
    expect(await engine.hasImage(pinned)).toBe(false)
  })

  it('is pulled, and found by that name', async () => {
    contents.set(digestOf(manifest), manifest)
    await engine.pull(pinned)
    expect(await engine.hasImage(pinned)).toBe(true)
    expect(await engine.hasImage(pinned.replace('@', ':1.0@'))).toBe(true)
  })
})
