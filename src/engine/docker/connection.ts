import type Docker from 'dockerode'

/** How dockerode connects to an engine at an address. */
export function connectionOf(address: string): Docker.DockerOptions {
  // dockerode itself reads every form, and DOCKER_CERT_PATH, from the environment.
  if (address === process.env.DOCKER_HOST) return {}
  const path = /^(?:unix|npipe):\/\/(.*)$/.exec(address)?.[1]
  // `host` is named too: what the environment says of it would win.
  if (path !== undefined) return { socketPath: path, host: undefined, protocol: 'http' }
  const { protocol, hostname, port, username } = new URL(
    address.includes('//') ? address : `tcp://${address}`,
  )
  if (protocol === 'ssh:') return { protocol: 'ssh', host: hostname, port: port || 22, username }
  const isSecure = protocol === 'https:' || port === '2376'
  return { protocol: isSecure ? 'https' : 'http', host: hostname, port: port || 2375 }
}
