import { describe, expect, it } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { agentOfTest, places, useFolders } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

const here = places.filter(({ language }) => language === 'python')

/** Looks at its own lines in every way there is, before anybody else has. */
const OWN_LINES = `
import inspect, linecache, traceback
def fail():
    raise ValueError('x')  # this line
try:
    fail()
except ValueError:
    print(traceback.format_exc())
print(inspect.getsource(fail))
print(linecache.getline(fail.__code__.co_filename, 4))
`
/** Leaves no descriptor for anything that is still to be imported. */
const NO_FILES = `
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
files = []
while True:
    files.append(open('/dev/null'))
`
const HAS_JSON = "import sys; print('json' in sys.modules)"

describe.each(here)('what the agent of Python does without, $where', (place) => {
  const folderOfTest = useFolders(place)

  it('is there for code that looks for its own lines', async () => {
    const { agent } = await folderOfTest()
    const { stdout, done } = await agent.ask(run(OWN_LINES))
    expect(stdout.toString().split("raise ValueError('x')  # this line")).toHaveLength(4)
    expect(done.exitCode).toBe(0)
  })

  it('is not missed by an error where nothing can be imported', async () => {
    const agent = await agentOfTest(place)
    const { stderr, done, records } = await agent.ask(run(NO_FILES))
    expect(done.exitCode).toBe(1)
    expect(stderr).toMatch(/OSError: .*Too many open files/)
    expect(records).toMatchObject([{ type: 'error', name: 'OSError' }])
  })

  it('is imported where one lease has many runs', async () => {
    const agent = await agentOfTest(place)
    expect((await agent.ask(run(HAS_JSON))).stdout.toString()).toMatch(/^(?:True|False)\n$/)
    const hasIt = async () => (await agent.ask(run(HAS_JSON))).stdout.toString() === 'True\n'
    await until('a run finds json imported', hasIt)
  })
})
