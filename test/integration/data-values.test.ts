import { describe, expect, it } from 'vitest'
import { EXTRA_IMAGES } from '../../src/languages/setup-images.js'
import { availableImage, runtimes, useLease, usePool } from '../helpers/engine.js'

const { registry, local } = EXTRA_IMAGES.data
const image = await availableImage([registry, local])

/** Values of numpy and pandas, and their JSON values. */
const VALUES: [string, unknown][] = [
  ["pd.DataFrame({'d': pd.to_datetime(['2020-01-02'])})['d'].values", ['2020-01-02T00:00:00']],
  ["np.datetime64('1970-01-01T00:00:01', 'ns')", '1970-01-01T00:00:01'],
  ["np.array('1970-01-01T00:00:00.25', 'M8[ns]')", '1970-01-01T00:00:00.250000'],
  ["[pd.Timestamp(1), np.datetime64(1, 'ns')]", Array(2).fill('1970-01-01T00:00:00.000000001')],
  ["np.datetime64('12000-01-01')", '12000-01-01'],
  ["np.zeros((1, 2), 'M8[us]')", [Array(2).fill('1970-01-01T00:00:00')]],
  ["np.zeros(1, [('n', 'i4'), ('t', 'M8[ns]')])", [[0, '1970-01-01T00:00:00']]],
  ["[pd.Timedelta('1.5s'), np.timedelta64(1500, 'ms')]", Array(2).fill('P0DT0H0M1.5S')],
  ["[pd.Timedelta(-5, 'h'), np.timedelta64(-5, 'h')]", Array(2).fill('P-1DT19H0M0S')],
  ["[np.timedelta64(5, 'ns'), np.timedelta64(5, 'M')]", ['P0DT0H0M0.000000005S', 'P5M']],
  ["pd.Period('2020-01')", '2020-01'],
  ["[np.longdouble(1.5), np.float16(2), np.bool_(1), np.str_('a')]", [1.5, 2, true, 'a']],
]
/** Values that have no JSON value, and the messages. */
const REFUSED: [string, RegExp][] = [
  ["np.array(['2020', 'NaT'], 'M8[ns]')", /^the value at \[1\] is no time/],
  ["np.timedelta64('NaT')", /^the value is no time/],
  ['np.clongdouble(1)', /^the value is a \w+, which JSON does not have$/],
]

describe.each(runtimes)('values of numpy and pandas under %s', (runtime) => {
  const preload = ['numpy', 'pandas']
  const pool = usePool({ runtime, languages: { python: { image, preload, size: 1, max: 1 } } })
  const lease = useLease(pool, 'python')
  const call = async (value: string) => {
    const sandbox = await lease()
    return sandbox.call(`import numpy as np, pandas as pd\ndef main(): return ${value}`)
  }

  it('a call returns times as ISO strings, as pandas writes them', async () => {
    const answer = await call(`[${VALUES.map(([value]) => value).join(', ')}]`)
    expect(answer).toMatchObject({ ok: true, value: VALUES.map(([, expected]) => expected) })
  })

  it.each(REFUSED)('a call refuses %s', async (value, message) => {
    const refused = { ok: false, reason: 'value', message: expect.stringMatching(message) }
    expect(await call(value)).toMatchObject(refused)
  })
})
