import { SandboxError } from '../errors.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { RichResult } from '../sandbox/streams/rich-result.js'
import type { Bounds } from './bounds.js'
import type { LeftFiles } from './left-files.js'
import { isImage } from './left-files.js'

/** The time limit for the read of an image, in milliseconds. */
const READ_MS = 5000

/** An image for the model, in base64. */
interface Image {
  type: 'image'
  data: string
  mimeType: string
}

/** The images of a result. */
export interface Images {
  shown: readonly Image[]
  /** The number of images that are too large together with those before them. */
  omitted: number
}

/** Returns the images that code displayed and those that it wrote, as far as the limit allows. */
export async function imagesOf(
  box: Sandbox,
  results: readonly RichResult[],
  { files }: LeftFiles,
  { maxBinaryBytes }: Bounds,
): Promise<Images> {
  let bytesLeft = maxBinaryBytes
  let omitted = 0
  const shown: Image[] = []
  const add = (size: number, image: () => Image) => {
    if (size > bytesLeft) return void omitted++
    shown.push(image())
    bytesLeft -= size
  }
  for (const image of results.flatMap(displayedImage)) {
    add(Buffer.byteLength(image.data, 'base64'), () => image)
  }
  for (const { path, mimeType } of files.filter((file) => isImage(file.mimeType))) {
    const bytes = await read(box, path, bytesLeft)
    if (bytes) {
      const data = bytes.toString('base64')
      add(bytes.length, () => ({ type: 'image', data, mimeType }))
    } else omitted++
  }
  return { shown, omitted }
}

function displayedImage({ png, jpeg }: RichResult): Image[] {
  if (png !== undefined) return [{ type: 'image', data: png, mimeType: 'image/png' }]
  if (jpeg !== undefined) return [{ type: 'image', data: jpeg, mimeType: 'image/jpeg' }]
  return []
}

/**
 * Reads a file of a program. Returns `undefined` if it is too large or was deleted meanwhile, or if
 * the container has ended: the program has a result in any case.
 */
async function read(box: Sandbox, path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await box.readFile(path, { maxBytes, timeoutMs: READ_MS })
  } catch (error) {
    if (error instanceof SandboxError) return undefined
    throw error
  }
}
