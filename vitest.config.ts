import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProjectInlineConfiguration } from 'vitest/config'
import { defineConfig } from 'vitest/config'
import type { TestSpecification } from 'vitest/node'
import { BaseSequencer } from 'vitest/node'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The files that take a minute or more. */
const LONG = new Set([
  'differential',
  'engine-contract',
  'code-runner-connections',
  'bench',
  'docs',
  'files',
  'hostile',
  'agent-deadlines',
  'agent-limits',
  'leases',
  'disturbed-server',
  'dockerd',
])

/** Starts the long files first, so that none of them runs alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification) => LONG.has(basename(moduleId, '.test.ts'))
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

/** `npm run test:unit`: it leaves out the file that takes a fifth of the time of the unit tests. */
const isQuick = process.env.HONO_SANDBOX_TESTS === 'quick'

const FAULTS = 'test/kubernetes/faults.test.ts'

/** The tests that need a cluster: only `npm run test:kubernetes` runs them. */
const kubernetes: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: 'kubernetes',
    include: ['test/kubernetes/*.test.ts'],
    exclude: [FAULTS],
    testTimeout: 90_000,
    hookTimeout: 120_000,
    // Most tests wait for the cluster.
    maxWorkers: 4,
  },
}

/** These tests stop parts of the cluster, so no other test may run at the same time. */
const kubernetesFaults: TestProjectInlineConfiguration = {
  ...kubernetes,
  test: {
    ...kubernetes.test,
    name: 'kubernetes-faults',
    include: [FAULTS],
    exclude: [],
    sequence: { groupOrder: 1 },
  },
}

export default defineConfig({
  resolve: {
    alias: {
      'hono-sandbox/adapters': here('./src/adapters/index.ts'),
      'hono-sandbox/client': here('./src/client/index.ts'),
      'hono-sandbox/kubernetes': here('./src/engine/kubernetes/index.ts'),
      'hono-sandbox/mcp': here('./src/mcp/index.ts'),
      'hono-sandbox/metrics': here('./src/telemetry/metrics.ts'),
      'hono-sandbox/middleware': here('./middleware/index.ts'),
      'hono-sandbox/opentelemetry': here('./src/telemetry/opentelemetry.ts'),
      'hono-sandbox/testing': here('./src/testing/index.ts'),
      'hono-sandbox': here('./src/index.ts'),
    },
  },
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          exclude: isQuick ? ['test/unit/loop-delay.test.ts'] : [],
          setupFiles: ['test/fixed-seed.ts'],
          // Only the type tests: `npm run typecheck` checks all files.
          typecheck: { enabled: true, tsconfig: 'tsconfig.types.json' },
          // A process for each file takes longer than its tests. To measure the processor time of a
          // test, as `loop-delay` does, each process needs a core.
          isolate: false,
          maxWorkers: isQuick ? 3 : '100%',
          // Only for tests that hang: on a busy machine, properties take several seconds.
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/{integration,browser}/**/*.test.ts'],
          setupFiles: ['test/fixed-seed.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // Most tests wait for the engine or for a deadline.
          maxWorkers: 3,
          // The imports of a process for each file take 30 seconds more.
          isolate: false,
          // After the unit tests.
          sequence: { groupOrder: 1 },
        },
      },
      ...(process.env.HONO_SANDBOX_TESTS === 'kubernetes' ? [kubernetes, kubernetesFaults] : []),
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          testTimeout: 200_000,
          hookTimeout: 200_000,
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
