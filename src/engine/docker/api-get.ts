import type { Docker } from './connection.js'

/** The connection of dockerode, which its types do not describe. */
interface Modem {
  dial(call: object, onAnswer: (error: Error | null, answer: unknown) => void): void
}

const statusCodes = { 200: true, 404: 'not found', 500: 'server error' }

/**
 * Gets a path of the API. dockerode or its types have no signal for some calls. A call that is not
 * aborted keeps its connection open if the engine never answers.
 */
export function get(docker: Docker, path: string, abortSignal: AbortSignal): Promise<unknown> {
  const { modem }: { modem: Modem } = docker
  return new Promise((resolve, reject) => {
    modem.dial({ path, method: 'GET', statusCodes, abortSignal }, (error, answer) =>
      error ? reject(error) : resolve(answer),
    )
  })
}
