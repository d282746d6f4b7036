/**
 * A file up to this size shares a request with others. A request for each file would take 0.4 ms
 * under runc and up to 6 ms under gVisor (measured).
 */
const SMALL_BYTES = 32 * 1024
const MAX_GROUP_FILES = 256
const MAX_GROUP_BYTES = 256 * 1024

interface Sized {
  size: number
}

export const isSmall = ({ size }: Sized) => size <= SMALL_BYTES

/** Whether a group has no room for a further small file. */
export function isFull(files: number, bytes: number): boolean {
  return files >= MAX_GROUP_FILES || bytes + SMALL_BYTES > MAX_GROUP_BYTES
}

/** Divides files into groups of small files, and groups of one larger file. Keeps their order. */
export function* groupsOf<File extends Sized>(files: readonly File[]): Generator<File[], void> {
  let group: File[] = []
  let bytes = 0
  for (const file of files) {
    if (group.length > 0 && (!isSmall(file) || isFull(group.length, bytes))) {
      yield group
      group = []
      bytes = 0
    }
    if (isSmall(file)) {
      group.push(file)
      bytes += file.size
    } else yield [file]
  }
  if (group.length > 0) yield group
}
