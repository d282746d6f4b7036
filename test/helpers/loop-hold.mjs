// Loaded into a server before its program. On SIGUSR2 it prints the longest CPU time that the main thread
// has used without running timers. It measures CPU time, because wall-clock time would also count other
// processes of a busy machine, and in parses of 1 MiB of JSON, because a busy host makes each instruction
// slower. A parse takes 6 ms on a quiet machine.
import { readFileSync } from 'node:fs'

const TEXT = `[${'1,'.repeat(2 ** 19)}1]`
const PARSES = 5

const spentMs = () => Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1e6

function parseMs() {
  const since = spentMs()
  for (let left = PARSES; left > 0; left--) JSON.parse(TEXT)
  return (spentMs() - since) / PARSES
}

let before = parseMs()
let last = spentMs()
let longest = 0
setInterval(() => {
  const now = spentMs()
  longest = Math.max(longest, now - last)
  last = now
}, 1).unref()

process.on('SIGUSR2', () => {
  const after = parseMs()
  console.log(`held the loop for ${(longest / Math.max(before, after)).toFixed(1)} parses`)
  before = after
  last = spentMs()
  longest = 0
})
