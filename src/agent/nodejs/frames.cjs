// hono-sandbox's agent for Node: the container's first program, told what to do on its stdin.
//
// Frames and limits are described in protocol.md. The standard library only; root with KILL,
// SETUID and SETGID so that the programs, which are nobody, can reach neither it nor its streams.
// Where it is not root itself, nothing is dropped and the rest works the same.

'use strict'

const childProcess = require('node:child_process')
const fs = require('node:fs')
const Module = require('node:module')
const net = require('node:net')
const os = require('node:os')
const util = require('node:util')

const VERSION = 4
const [HELLO, REQUEST, DATA, EOF, CREDIT, SIGNAL, DONE, PING, STARTED] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
const [PROGRAM, TO_KEEP] = [10, 11]
const [STDIN, STDOUT, STDERR, RECORDS] = [0, 1, 2, 3]
const HEADER_SIZE = 9
const CHUNK = 65536
const WINDOW = 4 * CHUNK
const TAIL_LIMIT = 16 * CHUNK
const MAX_FRAME = 16 * 1024 * 1024
const SILENCE_MS = 90_000

const [CONFIG = '{}'] = process.argv.slice(1)
const {
  workspace: WORKSPACE = '/workspace',
  preload = [],
  typescript = false,
  contextBytes = 64 * 1024 * 1024,
  pids: PIDS,
} = JSON.parse(CONFIG)

// One buffer for all that goes out: garbage of this size is collected late, and counts meanwhile
// against the memory of the container.
const outgoing = Buffer.allocUnsafe(HEADER_SIZE + 1 + CHUNK)

function send(kind, id, ...parts) {
  let size = HEADER_SIZE
  for (const part of parts) size += part.copy(outgoing, size)
  putHeader(outgoing, kind, id, size - HEADER_SIZE)
  writeAll(1, outgoing.subarray(0, size))
}

/** What a loader takes: a frame of its own, as the agent got it. */
function programOf(...parts) {
  const frame = Buffer.concat([Buffer.alloc(HEADER_SIZE), ...parts])
  putHeader(frame, PROGRAM, 0, frame.length - HEADER_SIZE)
  return frame
}

function putHeader(frame, kind, id, length) {
  frame[0] = kind
  frame.writeUInt32BE(id, 1)
  frame.writeUInt32BE(length, 5)
}

const CHANNELS = [STDIN, STDOUT, STDERR, RECORDS].map((channel) => Buffer.of(channel))

function sendData(id, channel, data) {
  send(DATA, id, CHANNELS[channel], data)
}

function sendCredit(id, amount) {
  const payload = Buffer.of(STDIN, 0, 0, 0, 0)
  payload.writeUInt32BE(amount, 1)
  send(CREDIT, id, payload)
}

function writeAll(fd, data) {
  for (let sent = 0; sent < data.length;) {
    try {
      sent += fs.writeSync(fd, data, sent)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

/** What is there now; `null` where there is nothing yet, empty at the end. */
function readNow(fd, size) {
  const chunk = Buffer.allocUnsafe(size)
  try {
    return chunk.subarray(0, fs.readSync(fd, chunk))
  } catch (error) {
    if (error.code === 'EAGAIN') return null
    throw error
  }
}

const NOTHING = Buffer.alloc(0)
const json = (value) => Buffer.from(JSON.stringify(value))
