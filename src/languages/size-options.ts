import type { SizeBounds } from '../pool/warm-size.js'

/** The numbers of containers and sessions of one language of a pool. */
export interface SizeOptions {
  /**
   * The number of containers that the pool keeps warm. With `{ min, max }` the pool starts with
   * `min` and adapts the number to the load, so that it is enough for the callers that are expected
   * during one launch.
   *
   * @default SANDBOX_POOL_SIZE, else 2
   */
  size?: number | SizeBounds | undefined
  /**
   * The greatest number of containers at the same time. It includes containers that are starting or
   * being removed.
   *
   * @default twice the size, or twice the upper bound of the size
   */
  max?: number | undefined
  /**
   * The greatest number of sessions at the same time, less than `max`: one container is always left
   * for callers without a session.
   *
   * @default `max` less one
   */
  maxSessions?: number | undefined
}
