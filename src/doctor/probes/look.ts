import * as v from 'valibot'

/** The container is not trusted: each text and each list has a bound. */
const Text = v.pipe(v.string(), v.maxLength(200_000))
const Paths = v.pipe(v.array(v.pipe(v.string(), v.maxLength(4096))), v.maxLength(1000))

/** The answer of a step that counts. */
export const Counted = v.object({
  count: v.pipe(v.number(), v.integer(), v.minValue(0)),
  refused: v.boolean(),
})

/** The answer of the step `look`. */
export const Looked = v.object({
  status: Text,
  agentStatus: Text,
  mounts: Text,
  devices: Text,
  routes: Text,
  routes6: Text,
  version: Text,
  variables: v.record(v.string(), v.string()),
  writable: Paths,
  sizes: v.record(v.string(), v.pipe(v.number(), v.minValue(0))),
  unmasked: Paths,
  setuid: Paths,
  capable: Paths,
  sockets: Paths,
  walked: v.boolean(),
  openFiles: Counted,
  userNamespace: v.nullable(v.boolean()),
})
export type Look = v.InferOutput<typeof Looked>

/** Returns a field of `/proc/<pid>/status`; `undefined` if the kernel does not have it. */
export function statusField(status: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim()
}

/** A line of `/proc/self/mountinfo`. */
export interface Mount {
  /** The part of the file system that is mounted. It is not `/` for a bind mount of a part. */
  root: string
  target: string
  options: readonly string[]
  isReadOnly: boolean
  type: string
}

export function mountsOf({ mounts }: Pick<Look, 'mounts'>): Mount[] {
  return mounts.split('\n').flatMap((line) => {
    const [head = '', tail = ''] = line.split(' - ')
    const [, , , root, target, flags] = head.split(' ')
    const [type = ''] = tail.split(' ')
    if (root === undefined || target === undefined || flags === undefined) return []
    const options = flags.split(',')
    return [{ root, target, options, isReadOnly: options.includes('ro'), type }]
  })
}
