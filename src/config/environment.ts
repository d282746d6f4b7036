import * as v from 'valibot'
import { SandboxError } from '../errors.js'
import { IMAGE_VARIABLES } from '../languages/built-in.js'

const Count = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d*$/, 'a whole number above 0'),
  v.transform(Number),
)
const Flag = v.pipe(
  v.string(),
  v.toLowerCase(),
  v.picklist(['true', 'false', '1', '0', 'yes', 'no', 'on', 'off'], 'true or false'),
  v.transform((text) => ['true', '1', 'yes', 'on'].includes(text)),
)
const Text = v.pipe(v.string(), v.minLength(1))

/** The schema of the `SANDBOX_*` environment variables. */
export const Environment = v.object({
  SANDBOX_MAX_MEMORY: v.optional(Text),
  SANDBOX_RUNTIME: v.optional(Text),
  SANDBOX_POOL_SIZE: v.optional(Count),
  SANDBOX_ENABLE_SECCOMP: v.optional(Flag),
  SANDBOX_SECCOMP_PROFILE: v.optional(Text),
  ...v.entriesFromList(IMAGE_VARIABLES, v.optional(Text)),
})

/** The checked values of the `SANDBOX_*` environment variables. */
export type SandboxEnvironment = v.InferOutput<typeof Environment>

/**
 * Reads and checks the `SANDBOX_*` environment variables. An empty variable counts as not set.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION`. The message contains the name and the value of the
 * invalid variable.
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): SandboxEnvironment {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const result = v.safeParse(Environment, set)
  if (result.success) return result.output
  const [issue] = result.issues
  throw new SandboxError(
    'SANDBOX_INVALID_OPTION',
    `${v.getDotPath(issue)} is ${JSON.stringify(issue.input)}, expected ${issue.message}`,
  )
}
