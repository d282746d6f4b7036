/** The addresses of the files of sessions, as a template of RFC 6570. */
export const FILE_TEMPLATE = 'sandbox://{session}/{+path}'

/** Returns the address of a file in the workspace of a session. */
export function uriOf(session: string, path: string): string {
  // A path can have bytes that are not UTF-8, which an address cannot have: see `FileEntry`.
  const names = Buffer.from(path).toString().split('/')
  return `sandbox://${session}/${names.map(encodeURIComponent).join('/')}`
}

/** Returns the session and the path of an address, or `undefined` if it is none of a file. */
export function fileOf(uri: URL): { session: string; path: string } | undefined {
  try {
    return { session: uri.host, path: decodeURIComponent(uri.pathname.slice(1)) }
  } catch {
    return undefined // a percent sign without two digits
  }
}
