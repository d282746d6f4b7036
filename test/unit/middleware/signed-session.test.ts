import { Hono } from 'hono'
import { setSignedCookie } from 'hono/cookie'
import { describe, expect, it } from 'vitest'
import { signedSession } from '../../../middleware/index.js'

const SECRET = 'a secret of tests, which is long enough'
const ID = /^[\w-]{43}$/

/** An app that answers with the id of the session. */
function appWith(options: Partial<Parameters<typeof signedSession>[0]> = {}) {
  const session = signedSession({ secret: SECRET, ...options })
  return new Hono().get('/', async (c) => c.text(await session(c)))
}

/** Sends a request; returns the id and the cookie that the answer sets. */
async function get(app: Hono, cookie = '') {
  const answer = await app.request('/', { headers: { cookie } })
  const set = answer.headers.get('set-cookie')
  return { id: await answer.text(), set, cookie: set?.split(';')[0] ?? '' }
}

describe('signedSession()', () => {
  it('gives a random id, and finds it again in its cookie', async () => {
    const app = appWith()
    const first = await get(app)
    expect(first.id).toMatch(ID)
    expect(first.set).toMatch(/; HttpOnly; SameSite=Lax$/)
    expect(await get(app, first.cookie)).toMatchObject({ id: first.id, set: null })
    expect((await get(app)).id).not.toBe(first.id)
  })

  it('replaces a cookie with another id, a shorter signature, or of another secret', async () => {
    const app = appWith()
    const { id, cookie } = await get(app)
    const { cookie: ofOther } = await get(appWith({ secret: SECRET.toUpperCase() }))
    const chosen = 'A'.repeat(43)
    const forged = [cookie.replace(id, chosen), cookie.slice(0, -4), ofOther, cookie.split('.')[0]]
    for (const each of forged) {
      const next = await get(app, each)
      expect(next.set).not.toBeNull()
      expect([id, chosen]).not.toContain(next.id)
    }
  })

  it('replaces a cookie that the app has signed with the same secret for another use', async () => {
    const chosen = 'A'.repeat(43)
    const signing = new Hono().get('/', async (c) => {
      await setSignedCookie(c, 'theme', chosen, SECRET)
      return c.text('')
    })
    const { cookie: theme } = await get(signing)
    const planted = theme.replace('theme=', 'sandbox_session=')
    expect((await get(appWith(), planted)).id).not.toBe(chosen)
    const { id, cookie } = await get(appWith({ name: 'one' }))
    const { id: other } = await get(appWith({ name: 'two' }), cookie.replace('one=', 'two='))
    expect(other).not.toBe(id)
  })

  it('binds a secure cookie to the host', async () => {
    const { set } = await get(appWith({ secure: true }))
    expect(set).toMatch(/^__Host-sandbox_session=/)
    expect(set).toMatch(/; Path=\/.*Secure/)
  })
})
