import mime from 'mime'

/** The type of a file, by its name. */
export function mimeTypeOf(name: string): string {
  return mime.getType(name) ?? 'application/octet-stream'
}
