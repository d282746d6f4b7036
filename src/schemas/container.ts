import * as v from 'valibot'
import { Path, Positive, Variables, WholeNumber } from './values.js'

/**
 * The entries of the options of a container, for the schemas of a pool and of its languages. The
 * settings check the units of sizes, because an environment variable can also contain a size.
 */
export const ContainerEntries = {
  runtime: v.optional(Path),
  memory: v.optional(v.string()),
  cpus: v.optional(
    v.pipe(v.number(), v.finite('a finite number'), v.minValue(0.01, '0.01 or more')),
  ),
  pids: v.optional(v.pipe(WholeNumber, v.minValue(16, '16 or more'))),
  maxPrograms: v.optional(Positive),
  openFiles: v.optional(v.pipe(WholeNumber, v.minValue(64, '64 or more'))),
  workspaceSize: v.optional(v.string()),
  tmpSize: v.optional(v.string()),
  shmSize: v.optional(v.string()),
  network: v.optional(Path),
  seccompProfile: v.optional(Path),
  env: v.optional(Variables),
}
