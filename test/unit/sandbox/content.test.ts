import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { Content } from '../../../src/sandbox/streams/content.js'
import { cancelContent, writeContent } from '../../../src/sandbox/streams/content.js'
import { deferred } from '../../../src/util/deferred.js'
import { within } from '../../helpers/until.js'
import { callWith, leaseSandbox } from '../fakes/fake-agent.js'

const here = new URL(import.meta.url)

async function* generated() {
  yield 'é'
  yield Buffer.from('ö')
}

/** Writes the content, and returns what arrives. */
async function arrivalOf(content: Content): Promise<string> {
  const parts: Uint8Array[] = []
  const write = async (bytes: Uint8Array) => void parts.push(bytes)
  await writeContent({ write, outcome: new Promise(() => {}) }, content)
  return Buffer.concat(parts).toString()
}

describe('content', () => {
  it('may be a stream of Node, a web stream or an async iterable', async () => {
    const text = await readFile(here, 'utf8')
    expect(await arrivalOf(createReadStream(here))).toBe(text)
    expect(await arrivalOf(createReadStream(here, 'utf8'))).toBe(text)
    expect(await arrivalOf(Readable.from(['a', Buffer.from('b')]))).toBe('ab')
    expect(await arrivalOf(ReadableStream.from(['a', 'b']))).toBe('ab')
    expect(await arrivalOf(generated())).toBe('éö')
    expect(await arrivalOf(new Blob(['a', 'b']))).toBe('ab')
  })

  it('that fails rejects with the error of its source', async () => {
    await expect(arrivalOf(createReadStream('/no/such/file'))).rejects.toMatchObject({
      code: 'ENOENT',
    })
    const failing = async function* () {
      yield 'a'
      throw new Error('the source failed')
    }
    await expect(arrivalOf(failing())).rejects.toThrow('the source failed')
    await expect(arrivalOf(Readable.from([7]))).rejects.toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
    })
  })

  it('is given up if the program ends while the source is silent', async () => {
    const silent = async function* () {
      await new Promise(() => {})
      yield ''
    }
    for (const content of [new PassThrough(), silent(), new ReadableStream()]) {
      const over = deferred<void>()
      const write = async () => {}
      const writing = writeContent({ write, outcome: over.promise }, content)
      over.resolve()
      await within('the content is given up', writing, 5000)
      if (content instanceof PassThrough) expect(content.destroyed).toBe(true)
    }
  })

  it('that is not read is closed', async () => {
    const file = createReadStream(here)
    let isCancelled = false
    const web = new ReadableStream({ cancel: () => void (isCancelled = true) })
    for (const content of [file, web, generated(), 'text', undefined]) cancelContent(content)
    expect([file.destroyed, isCancelled]).toEqual([true, true])
  })

  it('of another kind is refused with the kinds that are possible', async () => {
    const { sandbox } = await leaseSandbox()
    const refused = callWith(sandbox, 'writeFile', 'a', { not: 'content' })
    await expect(refused).rejects.toMatchObject({
      message:
        'writeFile: content is not valid, expected a string, bytes, a Blob, a stream or an async iterable',
    })
  })
})
