/** Returns a response whose body arrives in these chunks. The body fails if the last one is an error. */
export function responseOf(chunks: readonly (Uint8Array | Error)[], type: string): Response {
  const left = [...chunks]
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = left.shift()
      if (chunk === undefined) controller.close()
      else if (chunk instanceof Error) controller.error(chunk)
      else controller.enqueue(chunk)
    },
  })
  return new Response(body, { headers: { 'content-type': type } })
}

/** Cuts bytes at these places. A place beyond the end is taken modulo the length. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = places.map((place) => place % (bytes.length + 1)).sort((one, other) => one - other)
  return [0, ...at].map((from, index) => bytes.slice(from, at[index]))
}
