import { createDockerEngine } from 'hono-sandbox'
import { createBody } from '../../src/engine/docker/container-spec.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { describeEngine } from '../contract/engine.js'
import { docker, availableImage, runtimes } from '../helpers/engine.js'

const image = await availableImage(LANGUAGES.python.images)
const engine = createDockerEngine()
const listed = await engine.runtimes()
engine.close()

for (const runtime of listed.filter(({ name }) => runtimes.includes(name))) {
  describeEngine(`Docker with ${runtime.name}`, {
    createEngine: createDockerEngine,
    runtime,
    image,
    leaveUnstarted: async (spec) =>
      void (await docker.createContainer({ name: spec.name, ...createBody(spec, []) })),
    stateOf,
    removeFromOutside: async (name) => {
      // The container may be removed already, or Docker may be removing it.
      await docker
        .getContainer(name)
        .remove({ force: true })
        .catch(() => {})
    },
  })
}

async function stateOf(name: string): Promise<'gone' | 'unstarted' | 'running'> {
  const found = await docker.listContainers({ all: true, filters: { name: [`^/${name}$`] } })
  const [container] = found
  if (!container) return 'gone'
  return container.State === 'created' ? 'unstarted' : 'running'
}
