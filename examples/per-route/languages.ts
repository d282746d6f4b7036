import type { PoolLanguages } from 'hono-sandbox'

/** Two images of one language: a small container for snippets, and a large one for data. */
export const LANGUAGES: PoolLanguages = {
  python: { size: 2, max: 8, memory: '128m', cpus: 0.5, pids: 32 },
  'python-data': {
    base: 'python',
    image: 'hono-sandbox/python-data:bookworm',
    preload: ['numpy', 'pandas'],
    size: 1,
    max: 3,
    memory: '512m',
    workspaceSize: '256m',
    env: { OPENBLAS_NUM_THREADS: '1' },
  },
}
