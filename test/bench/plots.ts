import type { EChartsOption, SeriesOption } from 'echarts'
import * as echarts from 'echarts'
import type { Row } from './rows.js'

const SIZE = { width: 860, height: 460 }
const STYLE = {
  backgroundColor: '#ffffff',
  animation: false,
  grid: { left: 70, right: 30, bottom: 60 },
}

/** Returns SVG plots of the results by file name. A scenario without figures has no plot. */
export function plotsOf(rows: readonly Row[]): Map<string, string> {
  const plots = new Map<string, string>()
  for (const language of new Set(rows.map((row) => row.language))) {
    const own = rows.filter((row) => row.language === language)
    const draw = (name: string, title: string, option: EChartsOption | undefined) => {
      if (option) plots.set(`${name}-${language}.svg`, svgOf(`${title}, ${language}`, option))
    }
    draw('runs', 'One run, from the call to its result: median, milliseconds', bars(own))
    const rate = 'runs a second, median of the rounds'
    draw('warm-rate', `Warm leases: ${rate}`, lines(own, 'warm rate', 'callers at once'))
    draw(
      'fresh-rate',
      `A new container for each run: ${rate}`,
      lines(own, 'fresh rate', 'callers at once'),
    )
    draw(
      'fill',
      'The start of a pool: milliseconds until all containers are warm',
      lines(own, 'fill', 'size'),
    )
    draw('soak', 'Thousands of leases: milliseconds of a lease, p99', soak(own))
  }
  return plots
}

function svgOf(title: string, option: EChartsOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...SIZE })
  try {
    const name = { text: title, left: 'center', top: 8, textStyle: { fontSize: 15 } }
    chart.setOption({ ...STYLE, title: name, legend: { bottom: 8, itemGap: 40 }, ...option })
    return chart.renderToSVGString()
  } finally {
    chart.dispose()
  }
}

/** The axis is logarithmic, because the slowest run takes hundreds of times as long as the fastest. */
function bars(rows: readonly Row[]): EChartsOption | undefined {
  const runs = rows.filter(({ scenario }) =>
    ['warm run', 'whole request', 'other ways'].includes(scenario),
  )
  if (runs.length === 0) return undefined
  const whats = [...new Set(runs.map(({ what }) => what))].toReversed()
  const series = [...new Set(runs.map(({ runtime }) => runtime))].map((runtime): SeriesOption => ({
    type: 'bar',
    name: runtime,
    data: whats.map((what) => {
      const found = runs.find((row) => row.what === what && row.runtime === runtime)
      return found ? Number(found.p50.toPrecision(3)) : '-'
    }),
    label: { show: true, position: 'right' },
  }))
  return {
    grid: { left: 230, right: 60, bottom: 60 },
    yAxis: { type: 'category', data: whats },
    xAxis: { type: 'log', min: 1 },
    series,
  }
}

function lines(rows: readonly Row[], scenario: string, x: string): EChartsOption | undefined {
  const found = rows.filter((row) => row.scenario === scenario)
  if (found.length === 0) return undefined
  return overSteps(found, x, ({ p50 }) => p50)
}

function soak(rows: readonly Row[]): EChartsOption | undefined {
  const found = rows.filter(({ scenario, unit }) => scenario === 'soak' && unit === 'ms')
  if (found.length === 0) return undefined
  return overSteps(found, 'leases so far', ({ p99 }) => p99)
}

/** Draws one line for each measurement and runtime, with one point for each step. */
function overSteps(rows: readonly Row[], x: string, valueOf: (row: Row) => number): EChartsOption {
  const steps = [...new Set(rows.map(({ at = 0 }) => at))].sort((a, b) => a - b)
  const names = [...new Set(rows.map(nameOf))]
  const series = names.map((name): SeriesOption => {
    const data = steps.map((step) => {
      const row = rows.find((each) => nameOf(each) === name && each.at === step)
      return row ? Number(valueOf(row).toPrecision(3)) : '-'
    })
    return { type: 'line', name, data, connectNulls: true, symbolSize: 7 }
  })
  return {
    xAxis: {
      type: 'category',
      data: steps.map(String),
      name: x,
      nameLocation: 'middle',
      nameGap: 28,
    },
    yAxis: { type: 'value', min: 0 },
    grid: { left: 70, right: 30, bottom: 120 },
    series,
  }
}

const nameOf = ({ what, runtime }: Row) => (runtime === 'host' ? what : `${what} (${runtime})`)
