import type { FileRequest } from '../agent/protocol.js'
import { Stream } from '../agent/protocol.js'
import { packFiles, placeEntries } from './archive-requests.js'
import type { AgentExchange } from './agent-exchange.js'
import type { MemoryFiles } from './memory-files.js'
import { FileFault } from './memory-files.js'

/** A request that has begun: it takes the frames of the host. */
export interface ActiveRequest {
  /** The TCP ports that a program listens on. */
  readonly ports?: readonly number[]
  input(bytes: Buffer): void
  endInput(): void
  signal(name: string): void
}

/** Answers a file request from the files in memory. */
export function answerFileRequest(
  request: FileRequest,
  files: MemoryFiles,
  exchange: AgentExchange,
): ActiveRequest {
  const input: Buffer[] = []
  const attempt = (act: () => void) => {
    try {
      act()
    } catch (error) {
      if (!(error instanceof FileFault)) throw error
      exchange.finish({ error: { code: error.code, message: error.message } })
    }
  }
  const save = () => {
    if (request.op === 'write') files.write(request.path, Buffer.concat(input), request)
    if (request.op !== 'place') return
    files.write(request.path, Buffer.concat(input), request)
    files.touch(request.path, request)
  }
  attempt(() => begin(request, files, exchange))
  return {
    input: (bytes) => {
      input.push(Buffer.from(bytes))
      exchange.consumed(Stream.stdin, bytes.length)
    },
    endInput: () => {
      attempt(save)
      exchange.finish({})
    },
    signal: () => {
      // As with a real write, the file has what had arrived, unless the write is atomic.
      if (request.op === 'write' && !request.atomic) attempt(save)
      attempt(() => {
        throw new FileFault('ECANCELED')
      })
    },
  }
}

function begin(request: FileRequest, files: MemoryFiles, exchange: AgentExchange): void {
  const path = 'path' in request ? request.path : ''
  switch (request.op) {
    case 'write':
      if (request.atomic) files.checkWrite(path)
      else files.write(path, Buffer.alloc(0), request)
      return exchange.started({})
    case 'read': {
      const { content, mode, mtimeMs } = files.read(path)
      const { offset = 0, length = content.length } = request
      exchange.started({ size: content.length, mode, mtimeMs })
      return answer(exchange, content.subarray(offset, offset + length))
    }
    case 'take': {
      const { content, mode, mtimeMs } = files.read(path)
      exchange.started({ size: content.length, mode, mtimeMs })
      return answer(exchange, content)
    }
    case 'place':
      files.makePlace(path)
      files.write(path, Buffer.alloc(0), request)
      return exchange.started({})
    case 'pack':
      return answer(exchange, packFiles(request.paths, files))
    case 'unpack':
      return answer(exchange, placeEntries(request.entries, files))
    case 'list': {
      const entries = [...files.list(path, request.recursive === true)]
      return answer(exchange, entries.map(([name, node]) => lineOf(name, node)).join(''))
    }
    case 'stat':
      return answer(exchange, lineOf(path, files.find(path)))
    case 'mkdir':
      files.mkdir(path, request.recursive === true)
      break
    case 'move':
      files.move(path, request.to)
      break
    case 'delete':
      files.delete(path, request.recursive === true)
  }
  exchange.finish({})
}

function answer(exchange: AgentExchange, content: Buffer | string): void {
  void exchange.write(Stream.stdout, Buffer.from(content)).then(() => exchange.finish({}))
}

function lineOf(path: string, { content, ...about }: ReturnType<MemoryFiles['find']>): string {
  const isLink = about.target !== undefined
  const type = content ? 'file' : isLink ? 'symlink' : 'directory'
  return `${JSON.stringify({ path, type, size: content?.length ?? 0, ...about })}\n`
}
