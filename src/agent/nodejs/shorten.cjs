// Limits the length of the texts in records. Runs in the processes that run programs.

const LONGEST_TEXT = 65536

/** Leaves out the middle of a long text: the last `endLength` characters are kept. */
function shorten(text, endLength = 0, length = LONGEST_TEXT) {
  if (text.length <= length) return text
  const beginLength = length - endLength - 50
  const end = endLength > 0 ? `\n${text.slice(-endLength)}` : ''
  const omitted = text.length - beginLength - endLength
  return `${text.slice(0, beginLength)}\n[${omitted} characters left out]${end}`
}

module.exports = { shorten }
