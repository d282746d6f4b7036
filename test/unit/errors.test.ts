import { describe, expect, it } from 'vitest'
import { SandboxError, SandboxFileError } from '../../src/index.js'

describe('an error as JSON', () => {
  const json = (error: Error): unknown => JSON.parse(JSON.stringify(error))

  it('has its name, its code and its message', () => {
    expect(json(new SandboxError('SANDBOX_CLOSED', 'the pool is closed'))).toEqual({
      name: 'SandboxError',
      code: 'SANDBOX_CLOSED',
      message: 'the pool is closed',
    })
  })

  it('has the suggestion and the time of a retry, and no cause and no stack', () => {
    const cause = new Error('secret')
    const options = { suggestion: 'Raise max', retryAfterMs: 0, cause }
    expect(json(new SandboxError('SANDBOX_QUEUE_FULL', 'the queue is full', options))).toEqual({
      name: 'SandboxError',
      code: 'SANDBOX_QUEUE_FULL',
      message: 'the queue is full. Raise max',
      suggestion: 'Raise max',
      retryAfterMs: 0,
    })
  })

  it('has the system error and the path of a file error', () => {
    expect(json(new SandboxFileError('ENOENT', 'a.txt', 'no such file'))).toEqual({
      name: 'SandboxFileError',
      code: 'SANDBOX_FILE_FAILED',
      message: 'ENOENT: no such file: "a.txt"',
      errno: 'ENOENT',
      path: 'a.txt',
    })
  })
})
