import Docker from 'dockerode'

// The only file that imports the client: the others take its types from here.
export type { Docker }

/** Returns a client of the engine at this address. */
export function connect(address: string): Docker {
  return new Docker(connectionOf(address))
}

/** Returns the options with which dockerode connects to an engine. */
function connectionOf(address: string): Docker.DockerOptions {
  // dockerode itself reads all forms of the address, and DOCKER_CERT_PATH, from the environment.
  if (address === process.env.DOCKER_HOST) return {}
  const path = /^(?:unix|npipe):\/\/(.*)$/.exec(address)?.[1]
  // `host` must be set, because dockerode would otherwise take it from the environment.
  if (path !== undefined) return { socketPath: path, host: undefined, protocol: 'http' }
  const { protocol, hostname, port, username } = new URL(
    address.includes('//') ? address : `tcp://${address}`,
  )
  if (protocol === 'ssh:') return { protocol: 'ssh', host: hostname, port: port || 22, username }
  const isSecure = protocol === 'https:' || port === '2376'
  return { protocol: isSecure ? 'https' : 'http', host: hostname, port: port || 2375 }
}
