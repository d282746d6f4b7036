import type { Readable } from 'node:stream'

/** How the progress of a pull is reported, and how the pull is ended. */
export interface PullOptions {
  /** Called with a short line, at most a few times a second. */
  onProgress?: (line: string) => void
  signal?: AbortSignal
}

/**
 * The images that an engine keeps by itself. It is no part of the port, because set-up alone needs it,
 * and because the nodes of a cluster keep images that nobody can list.
 */
export interface ImageStore {
  hasImage(image: string): Promise<boolean>
  /** Gets an image from its registry. */
  pull(image: string, options?: PullOptions): Promise<void>
  /** Makes an image of a root file system in a tar archive. */
  importImage(image: string, tar: Readable): Promise<void>
}
