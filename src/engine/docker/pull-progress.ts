import { createInterface } from 'node:readline'
import * as v from 'valibot'

const ProgressLine = v.object({
  id: v.optional(v.string()),
  status: v.optional(v.string()),
  progress: v.optional(v.string()),
  error: v.optional(v.string()),
})

/** Reads a pull's or an import's report; a failure comes in its lines, not as a status. */
export async function followProgress(
  stream: NodeJS.ReadableStream,
  onProgress: (line: string) => void = () => {},
): Promise<void> {
  for await (const line of createInterface({ input: stream })) {
    if (line === '') continue
    const report = v.parse(ProgressLine, JSON.parse(line))
    if (report.error !== undefined)
      throw Object.assign(new Error(report.error), { statusCode: 500 })
    onProgress([report.id, report.status, report.progress].filter(Boolean).join(' '))
  }
}
