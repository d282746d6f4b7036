import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { NARROW_PROFILE } from '../../../src/engine/docker/seccomp-profile.js'
import { readText } from '../../helpers/docs.js'

const FOLDER = 'src/engine/docker/seccomp'

it('the profile of Docker is the file that its README describes', () => {
  const hash = createHash('sha256')
    .update(readText(`${FOLDER}/docker-default.json`))
    .digest('hex')
  expect(readText(`${FOLDER}/README.md`)).toContain(hash)
})

it('the profile of the sandboxes allows what Docker allows, without some system calls', () => {
  for (const name of ['read', 'execve', 'clone', 'futex', 'epoll_wait', 'seccomp']) {
    expect(NARROW_PROFILE).toContain(`"${name}"`)
  }
  for (const name of ['ptrace', 'io_uring_setup', 'unshare', 'mount', 'bpf', 'socketcall']) {
    expect(NARROW_PROFILE).not.toContain(`"${name}"`)
  }
})
