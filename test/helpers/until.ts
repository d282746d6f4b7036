/**
 * Waits for a condition, with a deadline. The description is in the error, so that a regression fails
 * with a clear message.
 */
export async function until(
  description: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + deadlineMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${deadlineMs} ms until: ${description}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
}

/** Waits for a promise, with a deadline. The description is in the error. */
export async function within<T>(description: string, promise: Promise<T>, deadlineMs = 30_000) {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${deadlineMs} ms until: ${description}`)),
      deadlineMs,
    )
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
