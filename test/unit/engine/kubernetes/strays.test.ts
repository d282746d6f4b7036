import type { V1Pod } from '@kubernetes/client-node'
import { expect, it } from 'vitest'
import { straysOf } from '../../../../src/engine/kubernetes/strays.js'

const NOW = Date.parse('2026-01-01T12:00:00Z')

function pod(name: string, owner: string, phase: string, ageMs: number): V1Pod {
  const then = new Date(NOW - ageMs)
  const terminated = { exitCode: 0, finishedAt: then }
  return {
    metadata: {
      name,
      labels: { 'hono-sandbox.owner': owner },
      annotations: { 'hono-sandbox.name': name },
      creationTimestamp: then,
    },
    status: {
      phase,
      containerStatuses: [
        {
          name: 'sandbox',
          image: '',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: phase === 'Succeeded' ? { terminated } : {},
        },
      ],
    },
  }
}

it('strays are pods that will never run, and whose owner had time to remove them', () => {
  const listed = [
    pod('our pending', 'ours', 'Pending', 0),
    pod('our ended', 'ours', 'Succeeded', 0),
    pod('our running', 'ours', 'Running', 9_000_000),
    pod('our abandoned', 'ours', 'Running', 0),
    pod('our launching', 'ours', 'Pending', 0),
    pod('their pending', 'theirs', 'Pending', 600_000),
    pod('their old pending', 'theirs', 'Pending', 800_000),
    pod('their ended', 'theirs', 'Succeeded', 59_000),
    pod('their old ended', 'theirs', 'Failed', 61_000),
    pod('their running', 'theirs', 'Running', 9_000_000),
    pod('unknown', 'theirs', 'Unknown', 9_000_000),
  ]
  const isLaunching = (name: string) => name === 'our launching'
  const strays = straysOf(listed, NOW, {
    owner: 'ours',
    isLaunching,
    isAbandoned: ({ metadata }) => metadata?.name === 'our abandoned',
  })
  expect(strays.map(({ metadata }) => metadata?.name)).toEqual([
    'our pending',
    'our ended',
    'our abandoned',
    'their old pending',
    'their old ended',
  ])
})
