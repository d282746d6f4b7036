import { describe, expect, it, vi } from 'vitest'
import type { LeaseEnd } from '../../../src/pool/lease.js'
import { Lease } from '../../../src/pool/lease.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('Lease', () => {
  it('ends once: every later end is told the same', () => {
    const onEnd = vi.fn<() => 'recreated'>(() => 'recreated')
    const lease = new Lease('container', onEnd)
    expect(lease.ended).toBeUndefined()
    expect(lease.end('ttl')).toBe('recreated')
    expect(lease.end('released')).toBe('recreated')
    expect(lease.ended).toBe('ttl')
    expect(onEnd).toHaveBeenCalledOnce()
  })

  it('is used when touched, and by every end but a release', () => {
    const untouched = new Lease('container', () => 'returned')
    expect(untouched.end('released')).toBe('returned')
    expect(untouched.isUsed).toBe(false)
    const hows: LeaseEnd[] = ['aborted', 'failed', 'ttl', 'crash', 'closed']
    for (const how of hows) {
      const lease = new Lease('container', () => 'recreated')
      lease.end(how)
      expect(lease.isUsed, how).toBe(true)
    }
    const touched = new Lease('container', () => 'recreated')
    touched.touch()
    touched.end('released')
    expect(touched.isUsed).toBe(true)
  })

  it('tells its signal why before the container goes', () => {
    const order: unknown[] = []
    const lease = new Lease('container', () => {
      order.push('taken back')
      return 'recreated'
    })
    lease.signal.addEventListener('abort', () => {
      order.push(lease.signal.reason, lease.end('crash'))
    })
    lease.end('closed')
    expect(order).toEqual(['closed', 'recreated', 'taken back'])
    expect(lease.ended).toBe('closed')
  })

  it('has a time to live, which a renewal starts again', () => {
    const lease = new Lease('container', () => 'recreated', 100)
    elapse(90)
    lease.renew()
    elapse(90)
    expect(lease.ended).toBeUndefined()
    elapse(10)
    expect(lease.ended).toBe('ttl')
  })

  it('has another time to live after a renewal with one', () => {
    const lease = new Lease('container', () => 'recreated', 100)
    lease.renew(300)
    elapse(290)
    expect(lease.ended).toBeUndefined()
    lease.renew()
    elapse(300)
    expect(lease.ended).toBe('ttl')
  })

  it('leaves no timer after its end, nor after a later renewal', () => {
    const lease = new Lease('container', () => 'recreated', 100)
    vi.advanceTimersByTime(40)
    lease.end('released')
    lease.renew(100)
    expect(vi.getTimerCount()).toBe(0)
    elapse(1000)
    expect(lease.ended).toBe('released')
    expect(lease.heldMs).toBe(40)
  })
})
