// A setup file of the unit tests.
import * as fc from 'fast-check'

// In the gate, properties have the same cases each time, so that only a change can make them fail.
// All other runs look for new cases.
if (process.env.HONO_SANDBOX_TESTS === 'complete') {
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 20 })
}
