import { createInterface } from 'node:readline'
import * as v from 'valibot'

const ProgressLine = v.object({
  id: v.optional(v.string()),
  status: v.optional(v.string()),
  progress: v.optional(v.string()),
  error: v.optional(v.string()),
})

/** Reads the progress of a pull or an import. A failure is in a line of it, not in the HTTP status. */
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
