// Limits the length of the texts in records. Runs in the processes that run programs.

const LONGEST_TEXT = 65536

/** Leaves out the middle of a long text: the last `endLength` characters are kept. */
function shorten(text, endLength = 0) {
  if (text.length <= LONGEST_TEXT) return text
  const beginLength = LONGEST_TEXT - endLength - 50
  const end = endLength > 0 ? `\n${text.slice(-endLength)}` : ''
  const omitted = text.length - beginLength - endLength
  return `${text.slice(0, beginLength)}\n[${omitted} characters left out]${end}`
}

module.exports = { shorten }
