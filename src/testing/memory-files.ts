import path from 'node:path'

/** A file, a link, or a folder if it has neither content nor target. */
interface Node {
  content: Buffer | undefined
  target?: string
  mode: number
  mtimeMs: number
}

/** The error of a file operation: `code` is the name of an errno. */
export class FileFault extends Error {
  constructor(readonly code: keyof typeof MESSAGES) {
    super(MESSAGES[code])
  }
}

const MESSAGES = {
  ECANCELED: 'the host stopped it',
  EEXIST: 'file already exists',
  EINVAL: 'invalid argument',
  EISDIR: 'illegal operation on a directory',
  ELOOP: 'too many symbolic links encountered',
  ENAMETOOLONG: 'name too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EROFS: 'read-only file system',
  EXDEV: 'cross-device link not permitted',
} as const

const MAX_NAME_BYTES = 255
const MAX_PATH_BYTES = 4095

/** The sizes of the file systems that programs can write to, in bytes, by the path of the folder. */
export type Mounts = Readonly<Record<string, number>>

/** The options of a write, as a request has them. */
export interface WriteMode {
  mode?: number | undefined
  atomic?: boolean | undefined
}

/** The files of one container in memory, with the errors of a real file system. */
export class MemoryFiles {
  readonly #nodes = new Map<string, Node>()
  readonly #mounts: Mounts
  #lastMs = 0

  constructor(mounts: Mounts) {
    this.#mounts = mounts
    for (const folder of Object.keys(mounts)) this.makeFolder(folder)
  }

  /** Returns the file or folder at a path. */
  find(file: string): Node {
    const at = absolute(file)
    const node = this.#nodes.get(at)
    this.#parentOf(at)
    if (!node) throw new FileFault('ENOENT')
    if (node.content && file.endsWith('/')) throw new FileFault('ENOTDIR')
    return node
  }

  read(file: string): Node & { content: Buffer } {
    const { content, ...node } = this.find(file)
    if (!content) throw new FileFault(node.target === undefined ? 'EISDIR' : 'ELOOP')
    return { ...node, content }
  }

  /** Removes a file or a link, and creates the folders above it, so that an entry can be placed. */
  makePlace(file: string): void {
    const at = absolute(file)
    const folder = path.posix.dirname(at)
    if (!this.#nodes.has(folder)) this.mkdir(folder, true)
    if (this.#nodes.get(folder)?.target !== undefined) throw new FileFault('ENOTDIR')
    this.checkWrite(file)
    this.#nodes.delete(at)
  }

  /** Creates a folder, also in the place of a link. A folder that exists is not an error. */
  placeFolder(folder: string): void {
    if (this.#nodes.get(absolute(folder))?.target !== undefined) this.makePlace(folder)
    this.mkdir(folder, true)
  }

  symlink(file: string, target: string): void {
    this.makePlace(file)
    const link = { content: undefined, target, mode: 0o777, mtimeMs: this.#now() }
    this.#nodes.set(absolute(file), link)
  }

  /** Changes the properties of a file or a folder. */
  touch(file: string, about: { mode: number; mtimeMs?: number | undefined }): void {
    const node = this.find(file)
    const { mode, mtimeMs = node.mtimeMs } = about
    this.#nodes.set(absolute(file), { ...node, mode, mtimeMs })
  }

  /** Throws if no file can be written at a path. */
  checkWrite(file: string): void {
    const at = absolute(file)
    this.#parentOf(at)
    const before = this.#nodes.get(at)
    if (file.endsWith('/') || (before && isFolder(before))) throw new FileFault('EISDIR')
    this.#mountOf(at)
  }

  /** Creates a file, or replaces its content. Keeps what fits, or the old file if it is atomic. */
  write(file: string, content: Uint8Array, { mode, atomic = false }: WriteMode = {}): void {
    this.checkWrite(file)
    const at = absolute(file)
    const before = this.#nodes.get(at)
    const replaced = atomic ? 0 : (before?.content?.length ?? 0)
    const bytes = Buffer.from(content.subarray(0, this.#spaceIn(this.#mountOf(at)) + replaced))
    const isFull = bytes.length < content.length
    if (!isFull || !atomic) {
      const permissions = mode ?? before?.mode ?? 0o644
      this.#nodes.set(at, { content: bytes, mode: permissions, mtimeMs: this.#now() })
    }
    if (isFull) throw new FileFault('ENOSPC')
  }

  /** Writes a file as a program does that creates the folders above it. */
  writeAll(file: string, content: Uint8Array): void {
    const folder = path.posix.dirname(absolute(file))
    if (!this.#nodes.has(folder)) this.mkdir(folder, true)
    this.write(file, content)
  }

  /** Yields the entries of a folder, with paths relative to it. */
  *list(folder: string, recursive: boolean): Generator<[string, Node]> {
    if (this.find(folder).content) throw new FileFault('ENOTDIR')
    const top = absolute(folder)
    for (const [at, node] of this.#nodes) {
      const name = path.posix.relative(top, at)
      const isBelow = at !== top && isWithin(at, top)
      if (isBelow && (recursive || !name.includes('/'))) yield [name, node]
    }
  }

  mkdir(folder: string, recursive: boolean): void {
    const at = absolute(folder)
    const node = this.#nodes.get(at)
    if (node && (node.content || !recursive)) throw new FileFault('EEXIST')
    if (node) return
    const parent = path.posix.dirname(at)
    if (recursive && !this.#nodes.has(parent)) this.mkdir(parent, true)
    this.#parentOf(at)
    this.#mountOf(at)
    this.makeFolder(at)
  }

  move(file: string, to: string): void {
    const source = absolute(file)
    const target = absolute(to)
    this.#parentOf(source)
    this.#parentOf(target)
    if (this.#findMount(source) !== this.#findMount(target)) throw new FileFault('EXDEV')
    const { content } = this.find(file)
    const before = this.#nodes.get(target)
    this.#mountOf(source)
    if (source === target) return
    if (isWithin(target, source)) throw new FileFault('EINVAL')
    if (before && content && !before.content) throw new FileFault('EISDIR')
    if (before && !content && before.content) throw new FileFault('ENOTDIR')
    if (!content && this.#below(target).length > 1) throw new FileFault('ENOTEMPTY')
    for (const at of this.#below(source)) {
      const node = this.#nodes.get(at)
      this.#nodes.delete(at)
      if (node) this.#nodes.set(target + at.slice(source.length), node)
    }
  }

  delete(file: string, recursive: boolean): void {
    const at = absolute(file)
    const node = this.find(at)
    this.#mountOf(at)
    if (isFolder(node) && !recursive) throw new FileFault('EISDIR')
    if (Object.hasOwn(this.#mounts, at)) throw new FileFault('EROFS')
    for (const each of this.#below(at)) this.#nodes.delete(each)
  }

  /** Creates a folder and the folders above it, wherever it is. */
  makeFolder(folder: string): void {
    const at = absolute(folder)
    if (this.#nodes.has(at)) return
    if (at !== '/') this.makeFolder(path.posix.dirname(at))
    this.#nodes.set(at, { content: undefined, mode: 0o755, mtimeMs: this.#now() })
  }

  /** Puts a file at any path, as the kernel provides those in `/proc`. */
  provide(file: string, content: string): void {
    this.makeFolder(path.posix.dirname(file))
    this.#nodes.set(file, { content: Buffer.from(content), mode: 0o444, mtimeMs: this.#now() })
  }

  /** Throws if the folder of a path does not exist, or if a name is too long. */
  #parentOf(at: string): void {
    const isLong = at.split('/').some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES)
    if (isLong || Buffer.byteLength(at) > MAX_PATH_BYTES) throw new FileFault('ENAMETOOLONG')
    for (let folder = path.posix.dirname(at); ; folder = path.posix.dirname(folder)) {
      const node = this.#nodes.get(folder)
      if (node && !isFolder(node)) throw new FileFault('ENOTDIR')
      if (node && folder === path.posix.dirname(at)) return
      if (node) throw new FileFault('ENOENT')
    }
  }

  #findMount(at: string): string | undefined {
    return Object.keys(this.#mounts).find((mount) => isWithin(at, mount))
  }

  /** Returns the file system of a path. Throws if it is read-only. */
  #mountOf(at: string): string {
    const mount = this.#findMount(at)
    if (mount === undefined) throw new FileFault('EROFS')
    return mount
  }

  #spaceIn(mount: string): number {
    const used = this.#below(mount).map((at) => this.#nodes.get(at)?.content?.length ?? 0)
    return used.reduce((left, bytes) => left - bytes, this.#mounts[mount] ?? 0)
  }

  #below(top: string): string[] {
    return [...this.#nodes.keys()].filter((at) => isWithin(at, top))
  }

  /** Returns the time. Two files never have the same, so that the order by age is certain. */
  #now(): number {
    this.#lastMs = Math.max(Date.now(), this.#lastMs + 0.001)
    return this.#lastMs
  }
}

function isFolder({ content, target }: Node): boolean {
  return !content && target === undefined
}

function absolute(file: string): string {
  return path.posix.resolve('/workspace', file)
}

function isWithin(at: string, top: string): boolean {
  return at === top || at.startsWith(top.replace(/\/?$/, '/'))
}
