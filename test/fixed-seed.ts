// A setup file of the tests.
import * as fc from 'fast-check'

const { HONO_SANDBOX_SEED, HONO_SANDBOX_TESTS } = process.env
// In the gate, properties have the same cases each time, so that only a change can make them fail. All
// other runs look for new cases, unless they repeat those of a failure.
const seed = HONO_SANDBOX_SEED || (HONO_SANDBOX_TESTS === 'complete' ? '20' : '')
if (seed) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })
