import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: {
      'hono-sandbox/client': here('./src/client/index.ts'),
      'hono-sandbox/middleware': here('./middleware/index.ts'),
      'hono-sandbox': here('./src/index.ts'),
    },
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          typecheck: { enabled: true },
          // A process for each file takes longer than its tests. A process for each core is needed
          // to measure the processor time of a test.
          isolate: false,
          maxWorkers: '100%',
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // Most tests wait for the engine or for a deadline.
          maxWorkers: 3,
          // After the unit tests.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
