// Loaded into a server before its program. On SIGUSR2 it prints the longest CPU time, in milliseconds,
// that the main thread has used without running timers. It measures CPU time, because wall-clock time
// would also count other processes of a busy machine.
import { readFileSync } from 'node:fs'

const spentMs = () => Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1e6

let last = spentMs()
let longest = 0
setInterval(() => {
  const now = spentMs()
  longest = Math.max(longest, now - last)
  last = now
}, 1).unref()

process.on('SIGUSR2', () => {
  console.log(`held the loop for ${longest.toFixed(1)} ms`)
  longest = 0
})
