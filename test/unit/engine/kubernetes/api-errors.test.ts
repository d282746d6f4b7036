import { expect, it } from 'vitest'
import { apiError } from '../../../../src/engine/kubernetes/api-errors.js'
import { failureOf, tooLate } from '../../../../src/engine/kubernetes/launch-errors.js'
import { podFactsOf } from '../../../../src/engine/kubernetes/pod-facts.js'
import { specOf } from '../../../helpers/launch-spec.js'

function refusal(code: number, message: string, headers: Record<string, string> = {}) {
  return Object.assign(new Error('refused'), { code, body: { message }, headers })
}

it.each([
  [refusal(403, 'exceeded quota: small'), 'SANDBOX_ENGINE_FAILED', 5000],
  [refusal(403, 'pods is forbidden'), 'SANDBOX_ENGINE_FAILED', undefined],
  [refusal(429, 'too many requests', { 'retry-after': '3' }), 'SANDBOX_ENGINE_FAILED', 3000],
  [refusal(401, 'Unauthorized'), 'SANDBOX_ENGINE_FAILED', undefined],
  [new Error('ECONNREFUSED'), 'SANDBOX_ENGINE_UNAVAILABLE', undefined],
])('an answer of the API server becomes a typed error: %s', (error, code, retryAfterMs) => {
  const typed = apiError('create a pod', 'https://cluster', error)
  expect(typed).toMatchObject({ code, retryAfterMs, cause: error })
})

function facts(status: object) {
  return podFactsOf({ metadata: { name: 'a' }, status })
}

function waiting(reason: string) {
  return facts({ containerStatuses: [{ state: { waiting: { reason, message: 'of the node' } } }] })
}

it.each([
  ['ErrImagePull', 'SANDBOX_IMAGE_MISSING'],
  ['ImagePullBackOff', 'SANDBOX_IMAGE_MISSING'],
  ['CreateContainerConfigError', 'SANDBOX_ENGINE_FAILED'],
])('the reason %s of the kubelet ends a launch', (reason, code) => {
  const error = failureOf(specOf(), waiting(reason))
  expect(error).toMatchObject({ code })
  expect(error?.message).toContain(`${reason}: of the node`)
})

it('a launch continues while its pod may still start', () => {
  expect(failureOf(specOf(), waiting('ContainerCreating'))).toBeUndefined()
  expect(failureOf(specOf(), facts({}))).toBeUndefined()
})

it('an evicted pod and a missing shell end a launch', () => {
  const evicted = facts({ phase: 'Failed', reason: 'Evicted', message: 'The node was low' })
  expect(failureOf(specOf(), evicted)?.message).toContain('Evicted: The node was low')
  const terminated = { exitCode: 128, reason: 'StartError', message: 'no sh' }
  expect(
    failureOf(specOf(), facts({ containerStatuses: [{ state: { terminated } }] })),
  ).toMatchObject({ code: 'SANDBOX_AGENT_FAILED' })
})

it('a watch that fails is reported at the deadline', () => {
  const failure = new Error('Forbidden')
  const error = tooLate(specOf(), { sight: undefined, failure }, 60_000)
  expect(error).toMatchObject({ code: 'SANDBOX_ENGINE_FAILED', cause: failure })
  expect(error.message).toContain('the watch of the pods fails: Forbidden')
})

it('a pod that no node takes is reported at the deadline, with a time to retry', () => {
  const conditions = [
    { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/2 nodes' },
  ]
  const error = tooLate(specOf(), { sight: facts({ conditions }) }, 60_000)
  expect(error).toMatchObject({ code: 'SANDBOX_ENGINE_FAILED', retryAfterMs: 5000 })
  expect(error.message).toContain('0/2 nodes')
})
