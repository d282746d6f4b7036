import type { CodeResult } from '../../sandbox/program/result.js'
import { shorten } from '../../util/text.js'
import type { ShellResult } from '../shared/shell-result.js'
import { shellResult } from '../shared/shell-result.js'

/** The greatest size of all images of one result for a model, in characters of base64. */
const MAX_IMAGE_LENGTH = 1_400_000

/** An image in base64. */
export interface OutputImage {
  mediaType: string
  data: string
}

/** The result of code. */
export interface CodeOutput extends ShellResult {
  /** The value of the last expression. */
  value?: string
  /** The images that the code displayed. */
  images: OutputImage[]
}

/** The result of code in the form that a model gets. */
export interface ModelOutput {
  type: 'content'
  value: (
    | { type: 'text'; text: string }
    | { type: 'file'; mediaType: string; data: { type: 'data'; data: string } }
  )[]
}

/** Returns the parts of a result that the tool returns. */
export function codeOutput(result: CodeResult, length: number): CodeOutput {
  const { exitCode, stdout, stderr } = shellResult(result)
  const { text, results } = result
  return {
    exitCode,
    stdout: shorten(stdout, length),
    stderr: shorten(stderr, length),
    ...(text !== undefined && { value: shorten(text, length) }),
    images: results.flatMap(({ png, jpeg }) => {
      if (png !== undefined) return [{ mediaType: 'image/png', data: png }]
      return jpeg === undefined ? [] : [{ mediaType: 'image/jpeg', data: jpeg }]
    }),
  }
}

/** Returns the texts of the result as JSON, and as many of its images as the limit allows. */
export function forModel({ images, ...texts }: CodeOutput): ModelOutput {
  let left = MAX_IMAGE_LENGTH
  const shown = images.filter(({ data }) => data.length <= left && (left -= data.length) >= 0)
  const omitted = images.length - shown.length
  const text = JSON.stringify({ ...texts, ...(omitted > 0 && { omittedImages: omitted }) })
  return {
    type: 'content',
    value: [
      { type: 'text', text },
      ...shown.map(({ mediaType, data }) => ({
        type: 'file' as const,
        mediaType,
        data: { type: 'data' as const, data },
      })),
    ],
  }
}
