/** Quotes words for a POSIX shell, so that the shell reads each word back unchanged. */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ')
}
