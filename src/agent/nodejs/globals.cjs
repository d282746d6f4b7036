// The globals that our code uses after a program has begun, as they were before: a program can
// replace each of them, and hide it by a declaration like `class Object {}`. Runs in the processes
// that run programs.

const {
  Array,
  ArrayBuffer,
  Atomics,
  Buffer,
  JSON,
  Map,
  Number,
  Object,
  Promise,
  Set,
  SyntaxError,
  process,
} = globalThis
const { parse, stringify } = JSON
const { exit } = process

module.exports = {
  Array,
  ArrayBuffer,
  Atomics,
  Buffer,
  Map,
  Number,
  Object,
  Promise,
  Set,
  SyntaxError,
  exit,
  parse,
  process,
  stringify,
}
