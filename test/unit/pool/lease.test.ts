import { describe, expect, it, vi } from 'vitest'
import type { LeaseEnd } from '../../../src/pool/lease.js'
import { Lease } from '../../../src/pool/lease.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('Lease', () => {
  it('ends once, and returns the same outcome for each later end', () => {
    const onEnd = vi.fn<() => 'recreated'>(() => 'recreated')
    const lease = new Lease('container', onEnd)
    expect(lease.ended).toBeUndefined()
    expect(lease.end('ttl')).toBe('recreated')
    expect(lease.end('released')).toBe('recreated')
    expect(lease.ended).toBe('ttl')
    expect(onEnd).toHaveBeenCalledOnce()
  })

  it('counts as used after touch(), and after each end except a release', () => {
    const untouched = new Lease('container', () => 'returned')
    expect(untouched.end('released')).toBe('returned')
    expect(untouched.isUsed).toBe(false)
    const ends: LeaseEnd[] = ['aborted', 'failed', 'ttl', 'crash', 'closed']
    for (const end of ends) {
      const lease = new Lease('container', () => 'recreated')
      lease.end(end)
      expect(lease.isUsed, end).toBe(true)
    }
    const touched = new Lease('container', () => 'recreated')
    touched.touch()
    touched.end('released')
    expect(touched.isUsed).toBe(true)
  })

  it('aborts its signal with the reason before the container is taken back', () => {
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

  it('ends after its time to live, which renew() starts again', () => {
    const lease = new Lease('container', () => 'recreated', 100)
    advanceTime(90)
    lease.renew()
    advanceTime(90)
    expect(lease.ended).toBeUndefined()
    advanceTime(10)
    expect(lease.ended).toBe('ttl')
  })

  it('has another time to live after renew() with a time', () => {
    const lease = new Lease('container', () => 'recreated', 100)
    lease.renew(300)
    advanceTime(290)
    expect(lease.ended).toBeUndefined()
    lease.renew()
    advanceTime(300)
    expect(lease.ended).toBe('ttl')
  })

  it('leaves no timer after its end, nor after a later renew()', () => {
    const lease = new Lease('container', () => 'recreated', 100)
    vi.advanceTimersByTime(40)
    lease.end('released')
    lease.renew(100)
    expect(vi.getTimerCount()).toBe(0)
    advanceTime(1000)
    expect(lease.ended).toBe('released')
    expect(lease.heldMs).toBe(40)
  })
})
