import { describe, expect, it } from 'vitest'
import { size } from '../../../src/cli/size.js'
import { placesFor, warmFor } from '../../../src/pool/queueing.js'

function run(line: string) {
  const output: string[] = []
  const complaints: string[] = []
  const printers = {
    say: (text: string) => void output.push(text),
    complain: (text: string) => void complaints.push(text),
  }
  return { exitCode: size(line.split(' '), printers), output, complaints }
}

describe('hono-sandbox size', () => {
  it('prints the options of the pool', () => {
    const { exitCode, output, complaints } = run('--rate 20 --hold 300ms')
    expect([exitCode, complaints]).toEqual([0, []])
    const max = placesFor({ rate: 20, boundMs: 800 })
    const warm = warmFor({ rate: 20, launchMs: 500 }, { most: max })
    expect(output.at(-1)).toBe(`languages: { python: { size: ${warm}, max: ${max} } }`)
    expect(output.join('\n')).toMatch(/^utilisation {2}64\.0 %$/m)
  })

  it('prints JSON', () => {
    const { output } = run('--rate 20 --hold 300ms --json')
    expect(JSON.parse(output.join(''))).toEqual({
      size: 19,
      max: 25,
      utilisation: 0.64,
      waiting: expect.closeTo(0.0255, 3),
      waitingLonger: expect.closeTo(0.0083, 3),
      waitMeanMs: expect.closeTo(2.26, 1),
    })
  })

  it('reads each unit of time and each option', () => {
    const equalTimes = ['--hold 1500ms', '--hold 1.5s', '--hold 0.025m']
    const outputs = new Set(equalTimes.map((hold) => run(`--rate 3 ${hold}`).output.join()))
    expect(outputs.size).toBe(1)
    const maxOf = (more: string) =>
      JSON.parse(run(`--rate 9 --hold 1s --json ${more}`).output.join()).max
    expect(maxOf('--replace 2s')).toBeGreaterThan(maxOf('--replace 500ms'))
    expect(maxOf('--percentile 99.9')).toBeGreaterThan(maxOf('--percentile 90'))
    expect(maxOf('--wait 5s')).toBeLessThan(maxOf('--wait 10ms'))
  })

  it('reports that no size helps if the engine cannot launch enough containers', () => {
    const line = '--rate 20 --hold 300ms --launches-per-second'
    expect(run(`${line} 12`)).toEqual({
      exitCode: 1,
      output: [],
      complaints: [
        expect.stringMatching(
          /^error: no size is enough: .*20 callers a second.*12 containers a second/,
        ),
      ],
    })
    expect(run(`${line} 25`).output).toContain('launches     20 a second of 25, 80.0 %')
  })

  it.each([
    ['--rate 20', /--hold is missing.*--hold 300ms/],
    ['--hold 1s', /--rate is missing.*--rate 20/],
    ['--rate NaN --hold 1s', /--rate is "NaN"/],
    ['--rate 0 --hold 1s', /--rate is "0"/],
    ['--rate=-1 --hold 1s', /--rate is "-1"/],
    ['--rate Infinity --hold 1s', /--rate is "Infinity"/],
    ['--rate 20 --hold 300', /--hold is "300": write a time with its unit/],
    ['--rate 20 --hold 0ms', /--hold is "0ms"/],
    ['--rate 20 --hold 1h', /--hold is "1h"/],
    ['--rate 20 --hold 1s --replace soon', /--replace is "soon"/],
    ['--rate 20 --hold 1s --percentile 100', /--percentile is more than 99.999/],
    ['--rate 20 --hold 1s --launches-per-second x', /--launches-per-second is "x"/],
    ['--rate 99999 --hold 9m', /more than 100000 containers/],
    ['--rate 20 --hold 1s --reuse', /--reuse/],
    ['--rate 20 --hold 1s more', /'more'/],
    ['--rate', /--rate/],
  ])('refuses "%s" with one sentence', (line, reason) => {
    const { exitCode, output, complaints } = run(line)
    expect([exitCode, output, complaints.length]).toEqual([2, [], 1])
    expect(complaints[0]).toMatch(reason)
    expect(complaints[0]).not.toContain('\n')
  })
})
