import { describe } from 'vitest'
import { describeEnds } from './ends.js'
import { describeInside } from './inside.js'
import { describeLaunches } from './launches.js'
import { describeStreams } from './streams.js'
import type { EngineSubject } from './subject.js'
import { Workbench } from './subject.js'

/** Registers the tests that every engine must pass, under one of its runtimes. */
export function describeEngine(name: string, subject: EngineSubject): void {
  describe(name, () => {
    const workbench = new Workbench(subject)
    describeStreams(workbench, subject)
    describeEnds(workbench, subject)
    describeLaunches(workbench, subject)
    describeInside(workbench, subject)
  })
}
