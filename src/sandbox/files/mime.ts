import mime from 'mime'

/** Returns the MIME type of a file, derived from the extension of its name. */
export function mimeTypeOf(name: string): string {
  return mime.getType(name) ?? 'application/octet-stream'
}
