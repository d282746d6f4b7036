// Loaded into a server before its program. On SIGUSR2 it prints how many milliseconds of processor time
// its main thread has spent at most in one go, without a look at timers. Processor time: on a machine
// that is busy with other things a clock would tell of those.
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
