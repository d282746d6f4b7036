import { describe, expect, it } from 'vitest'
import { defineLanguage } from 'hono-sandbox'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { EXTRA_IMAGES } from '../../src/languages/setup-images.js'
import { availableImage, docker, leaseOfTest, poolOfTest, usePool } from '../helpers/engine.js'

const { data, compiler } = EXTRA_IMAGES
const images = {
  data: await availableImage([data.registry, data.local]),
  compiler: await availableImage([compiler.registry, compiler.local]),
  nodejs: await availableImage(LANGUAGES.nodejs.images),
}
const c = defineLanguage({
  name: 'c',
  image: images.compiler,
  agent: 'python',
  file: 'main.c',
  compile: ['cc', '-pthread', '-o', 'main', 'main.c'],
  run: ['./main'],
  size: 1,
  max: 1,
})

/** System calls that fail with another error than EPERM if the profile allows them. */
const REFUSED = {
  ptrace: 'ptrace, 0, 0, 0, 0', // PTRACE_TRACEME
  process_vm_readv: 'process_vm_readv, getpid(), 0, 0, 0, 0, 0',
  process_vm_writev: 'process_vm_writev, getpid(), 0, 0, 0, 0, 0',
  kcmp: 'kcmp, getpid(), getpid(), 2, 0, 0',
  keyctl: 'keyctl, 0, -3, 0, 0, 0', // KEYCTL_GET_KEYRING_ID of the session
  userfaultfd: 'userfaultfd, 1',
  bpf: 'bpf, 0, 0, 0',
  perf_event_open: 'perf_event_open, 0, 0, -1, -1, 0',
  mount: 'mount, 0, 0, 0, 0, 0',
  fsopen: 'fsopen, 0, 0',
  io_uring_setup: 'io_uring_setup, 1, 0',
  unshare: 'unshare, 0x10000000', // CLONE_NEWUSER
  setns: 'setns, -1, 0',
  modify_ldt: 'modify_ldt, 0, 0, 0',
  clone: 'clone, 0x10000000 | SIGCHLD, 0, 0, 0, 0', // CLONE_NEWUSER
  'socket of AF_VSOCK': 'socket, 40, SOCK_STREAM, 0',
  'socket of AF_ALG': 'socket, 38, SOCK_SEQPACKET, 0',
}

const REFUSALS = `
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void try(const char *name, long result) {
  int error = result < 0 ? errno : 0;
  if (error == EPERM) return;
  printf("%s: %d\\n", name, error);
}

int main(void) {
${Object.entries(REFUSED)
  .map(([name, args]) => `  try("${name}", syscall(SYS_${args}));`)
  .join('\n')}
  fflush(stdout);
#ifdef __x86_64__
  if (fork() == 0) {
    long pid = 0;
    __asm__ volatile("int $0x80" : "=a"(pid) : "a"(20)); // getpid of 32-bit programs
    exit(0);
  }
  int status = 0;
  wait(&status);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS) puts("a 32-bit program runs");
#endif
  puts("over");
}
`

const WORKS_IN_PYTHON = `
import asyncio, concurrent.futures, io, multiprocessing, socket, sqlite3, subprocess, threading
import numpy, pandas, matplotlib
from multiprocessing.shared_memory import SharedMemory
matplotlib.use('svg')
from matplotlib import pyplot

def square(n): return n * n

async def serve():
    async def answer(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(answer, '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b'echo\\n')
    assert await reader.readline() == b'echo\\n'
    shell = await asyncio.create_subprocess_exec('true')
    assert await shell.wait() == 0
    assert await asyncio.to_thread(square, 2) == 4

def main():
    assert numpy.linalg.inv(numpy.eye(200)).sum() == 200
    assert pandas.DataFrame({'a': [1, 1], 'b': [2, 3]}).groupby('a').sum()['b'][1] == 5
    pyplot.plot([1, 2])
    pyplot.savefig(io.BytesIO())
    threads = [threading.Thread(target=square, args=(n,)) for n in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert subprocess.check_output(['sh', '-c', 'seq 3 | sort -r | head -n 1']) == b'3\\n'
    asyncio.run(serve())
    for method in ['fork', 'spawn', 'forkserver']:
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(len, ['a', 'bb']) == [1, 2], method
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert list(pool.map(square, [2])) == [4]
    shared = SharedMemory(create=True, size=16)
    shared.close()
    shared.unlink()
    assert sqlite3.connect('data.db').execute('select 1').fetchone() == (1,)
    assert socket.if_nameindex()[0][1] == 'lo'
    left, right = socket.socketpair()
    left.send(b'a')
    assert right.recv(1) == b'a'
    print('all works')

if __name__ == '__main__': main()
`

const WORKS_IN_NODE = `
const { Worker } = require('node:worker_threads')
const { execFileSync, fork } = require('node:child_process')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const http = require('node:http')
const { once } = require('node:events')

async function main() {
  const worker = new Worker('require("worker_threads").parentPort.postMessage(1)', { eval: true })
  assert.deepEqual(await once(worker, 'message'), [1])
  const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 65, 42, 11]
  const { instance } = await WebAssembly.instantiate(Uint8Array.from(bytes))
  assert.equal(instance.exports.f(), 42)
  assert.equal(execFileSync('sh', ['-c', 'echo a | cat'], { encoding: 'utf8' }), 'a\\n')
  fs.writeFileSync('child.js', 'process.send(1)')
  assert.equal((await once(fork('./child.js'), 'message'))[0], 1)
  const watcher = fs.watch('.')
  fs.writeFileSync('a', 'a')
  await once(watcher, 'change')
  watcher.close()
  await fs.promises.copyFile('a', 'b')
  const server = http.createServer((_, response) => response.end('hi')).listen(0)
  await once(server, 'listening')
  const response = await fetch('http://localhost:' + server.address().port)
  assert.equal(await response.text(), 'hi')
  server.close()
  assert.ok(os.networkInterfaces().lo)
  console.log('all works')
}
main()
`

const WORKS_IN_C = `
#include <pthread.h>
#include <stdio.h>
static void *work(void *argument) { return argument; }
int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, work, 0);
  pthread_join(thread, 0);
  puts("all works");
}
`

describe('the seccomp profile of the sandboxes under runc', () => {
  const pool = usePool({
    runtime: 'runc',
    memory: '512m',
    languages: {
      c,
      data: { base: 'python', image: images.data, size: 1, max: 1 },
      nodejs: { image: images.nodejs, size: 1, max: 1 },
    },
  })

  it('refuses system calls that no program needs, and 32-bit programs', async () => {
    const sandbox = await leaseOfTest(pool(), 'c')
    const { stdout, stderr } = await sandbox.runCode(REFUSALS)
    expect({ stdout, stderr }).toEqual({ stdout: 'over\n', stderr: '' })
  })

  it('leaves all that programs need to Python with data packages', async () => {
    const sandbox = await leaseOfTest(pool(), 'data')
    // As a file, because multiprocessing imports the program again.
    await sandbox.writeFile('works.py', WORKS_IN_PYTHON)
    const { stdout, stderr } = await sandbox.exec('python3 works.py', { timeoutMs: 50_000 })
    expect({ stdout, stderr }).toEqual({ stdout: 'all works\n', stderr: '' })
  })

  it.each([
    ['nodejs', WORKS_IN_NODE],
    ['c', WORKS_IN_C],
  ])('leaves all that programs need to %s', async (language, code) => {
    const sandbox = await leaseOfTest(pool(), language)
    const { stdout, stderr } = await sandbox.runCode(code)
    expect({ stdout, stderr }).toEqual({ stdout: 'all works\n', stderr: '' })
  })
})

describe('SANDBOX_ENABLE_SECCOMP=false', () => {
  it('leaves the profile of the engine', async ({ onTestFinished }) => {
    process.env.SANDBOX_ENABLE_SECCOMP = 'false'
    onTestFinished(() => void delete process.env.SANDBOX_ENABLE_SECCOMP)
    const own = await poolOfTest({ runtime: 'runc', languages: { c } })
    const { name } = await leaseOfTest(own, 'c')
    const { HostConfig } = await docker.getContainer(name).inspect()
    expect(HostConfig.SecurityOpt).toEqual(['no-new-privileges'])
  })
})
