/**
 * Returns a name that a program has chosen, for a line with other text. Control characters and those
 * that change the direction of the text become `\u{fffd}`: they could change how the rest of the line reads.
 */
export function plainName(name: string): string {
  return name.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, '\u{fffd}')
}
