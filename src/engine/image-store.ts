import type { Readable } from 'node:stream'

/** The options of a pull. */
export interface PullOptions {
  /** Called with a short line, at most a few times a second. */
  onProgress?: (line: string) => void
  signal?: AbortSignal
}

/**
 * The images that an engine stores itself. It is not part of the port, because only set-up needs it, and
 * because the images on the nodes of a cluster cannot be listed.
 */
export interface ImageStore {
  hasImage(image: string): Promise<boolean>
  /** Pulls an image from its registry. */
  pull(image: string, options?: PullOptions): Promise<void>
  /** Makes an image from a root file system in a tar archive. */
  importImage(image: string, tar: Readable): Promise<void>
}
