import type { Evidence, Probe, Problem } from './evidence.js'
import { REMOVE_CHANGE, when } from './evidence.js'
import type { Look } from './look.js'

/** Devices that the kernel adds to each network namespace if their module is loaded. They are down. */
const FALLBACK = /^(?:lo|tunl0|gre0|gretap0|erspan0|ip_vti0|ip6_vti0|sit0|ip6tnl0|ip6gre0)$/
const REJECT = 0x200

/** The addresses at which clouds answer with the credentials of a machine. */
const METADATA = ['169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16']
const METADATA6 = 'fd000ec2000000000000000000000254'

/** A route of `/proc/net/route`, with its numbers in host order. */
interface Route {
  device: string
  destination: number
  mask: number
}

function interfacesOf(look: Look): string[] {
  const names = [...look.devices.matchAll(/^\s*([^\s:|]+):/gm)].map(([, name = '']) => name)
  return names.filter((name) => !FALLBACK.test(name))
}

/** Whether the container has another interface than loopback. */
export function hasInterface(look: Look): boolean {
  return interfacesOf(look).length > 0
}

function routesOf({ inside: { look } }: Evidence): Route[] {
  return look.routes.split('\n').flatMap((line) => {
    const [device = '', destination = '', , flags = '', , , , mask = ''] = line.trim().split(/\s+/)
    const isRoute = [destination, mask].every((text) => /^[0-9A-F]{8}$/i.test(text))
    if (!isRoute || device === 'lo' || (Number.parseInt(flags, 16) & REJECT) !== 0) return []
    return [{ device, destination: littleEndian(destination), mask: littleEndian(mask) }]
  })
}

/** A route of `/proc/net/ipv6_route`. */
interface Route6 {
  device: string
  /** 32 hexadecimal digits. */
  destination: string
  length: number
}

function routes6Of({ inside: { look } }: Evidence): Route6[] {
  return look.routes6.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    const [destination = '', length = '', , , , , , , flags = '', device = ''] = fields
    if (!/^[0-9a-f]{32}$/i.test(destination) || device === 'lo') return []
    if ((Number.parseInt(flags, 16) & REJECT) !== 0) return []
    return [{ device, destination: destination.toLowerCase(), length: Number.parseInt(length, 16) }]
  })
}

/** Returns the grade and the advice of an interface or a route that the container has. */
function reachOf({ limits, howToDenyTraffic }: Evidence['asked']): {
  grade: Problem['grade']
  advice: string
} {
  if (limits.network !== 'none') {
    return { grade: 'weak', advice: 'Remove the option network, or filter the network' }
  }
  if (howToDenyTraffic === undefined) return { grade: 'broken', advice: REMOVE_CHANGE }
  return { grade: 'unproven', advice: howToDenyTraffic }
}

const network: Probe = {
  name: 'network',
  found: ({ inside: { traffic } }) =>
    traffic === 'denied'
      ? 'an interface, but nothing arrives at another container'
      : 'only loopback, no route',
  problems: (evidence) => {
    const { asked, outside } = evidence
    const { grade, advice } = reachOf(asked)
    const interfaces = interfacesOf(evidence.inside.look)
    const { traffic } = evidence.inside
    const isProven = traffic === 'denied' && grade === 'unproven'
    const routes = routesOf(evidence).length + routes6Of(evidence).length
    return [
      ...when(
        evidence.inside.look.devices === '',
        'weak',
        'not measured: the interfaces are not visible',
        'Use an engine that mounts /proc',
      ),
      ...when(
        outside !== undefined && outside.network !== asked.limits.network,
        'broken',
        `the engine joined ${outside?.network}, not ${asked.limits.network}`,
        REMOVE_CHANGE,
      ),
      ...when(
        traffic === 'passes',
        asked.limits.network === 'none' ? 'broken' : 'weak',
        'a program reached another container',
        advice,
      ),
      ...when(
        (interfaces.length > 0 || routes > 0) && !isProven,
        grade,
        `the interfaces ${interfaces.join(', ') || 'none'} with ${routes} routes`,
        advice,
      ),
    ]
  },
}

/** No packet is sent: the routes tell whether the kernel would send one. */
const metadata: Probe = {
  name: 'metadata',
  found: () => 'no route to an address of a cloud',
  problems: (evidence) => {
    const routes = routesOf(evidence)
    const reached = METADATA.filter((address) =>
      routes.some(({ destination, mask }) => (numberOf(address) & mask) >>> 0 === destination),
    )
    const reaches6 = routes6Of(evidence).some(
      ({ destination, length }) =>
        bitsOf(METADATA6).slice(0, length) === bitsOf(destination).slice(0, length),
    )
    const all = [...reached, ...(reaches6 ? ['fd00:ec2::254'] : [])]
    return when(
      all.length > 0,
      reachOf(evidence.asked).grade,
      `there are routes to ${all.join(', ')}`,
      'Block these addresses for the network of the containers, or remove the option network',
    )
  },
}

function littleEndian(hex: string): number {
  return Buffer.from(hex, 'hex').readUInt32LE()
}

function numberOf(address: string): number {
  return Buffer.from(address.split('.').map(Number)).readUInt32BE()
}

function bitsOf(hex: string): string {
  return Array.from(hex, (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join(
    '',
  )
}

/** The network. */
export const NETWORK: readonly Probe[] = [network, metadata]
