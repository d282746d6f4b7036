import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'

/**
 * The greatest age of a session, in milliseconds. After this time LibreChat uploads its files
 * again.
 */
const TTL_MS = 24 * 60 * 60_000
/** The memory of a session and of a file, without their texts and bytes. It is an estimate. */
const SESSION_BYTES = 1000
const FILE_BYTES = 1000

/** A file that was uploaded, or that a program wrote. */
export interface StoredFile {
  /** The path below the working directory. */
  name: string
  mimeType: string
  /** Has a buffer of its own: a part of a larger one would keep all of it in memory. */
  content: Uint8Array<ArrayBuffer>
  modifiedAt: Date
  /** If it is `true`, the file is not stored again after a program has changed it. */
  isReadOnly: boolean
}

type Files = Map<string, StoredFile>

/**
 * The files of all callers, in memory. A file belongs to a session, and a session belongs to a
 * caller. Another caller cannot find the session. If all files together exceed `maxBytes`, the
 * store drops the session that was not used for the longest time. LibreChat uploads its files
 * again.
 */
export class FileStore {
  readonly #sessions: LRUCache<string, Files>

  constructor(maxBytes: number) {
    this.#sessions = new LRUCache({
      maxSize: maxBytes,
      ttl: TTL_MS,
      sizeCalculation: (files) =>
        [...files.values()].reduce((sum, file) => sum + sizeOf(file), SESSION_BYTES),
    })
  }

  /**
   * Makes a session with these files. The ids of the session and of the files cannot be guessed.
   * Returns no files if the store cannot keep them, because all of them together exceed `maxBytes`.
   */
  add(
    caller: string,
    files: readonly StoredFile[],
  ): { session: string; files: ReadonlyMap<string, StoredFile> } {
    const session = newId()
    const added: Files = new Map(files.map((file) => [newId(), file]))
    if (files.length > 0) this.#sessions.set(keyOf(caller, session), added)
    return { session, files: this.list(caller, session) ?? new Map() }
  }

  /** Returns the files of a session by their ids. */
  list(caller: string, session: string): ReadonlyMap<string, StoredFile> | undefined {
    return this.#sessions.get(keyOf(caller, session))
  }

  find(caller: string, session: string, id: string): StoredFile | undefined {
    return this.list(caller, session)?.get(id)
  }

  /** Deletes a file. Returns whether there was one. */
  delete(caller: string, session: string, id: string): boolean {
    const key = keyOf(caller, session)
    const rest = new Map(this.#sessions.get(key))
    if (!rest.delete(id)) return false
    if (rest.size > 0) this.#sessions.set(key, rest, { noUpdateTTL: true })
    else this.#sessions.delete(key)
    return true
  }
}

const sizeOf = ({ name, mimeType, content }: StoredFile) =>
  FILE_BYTES + 2 * (name.length + mimeType.length) + content.byteLength

/** JSON keeps the two texts apart. If they were only joined, two pairs could have the same key. */
const keyOf = (caller: string, session: string) => JSON.stringify([caller, session])

/** LibreChat accepts only ids of 21 characters, the length of an id of the package `nanoid`. */
const newId = () => randomBytes(16).toString('base64url').slice(0, 21)
