import { describe, expect, it } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { agentOfTest, places, useFolders } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

const here = places.filter(({ language }) => language === 'python')

/** Reads its own source lines by traceback, inspect and linecache, before any other code does. */
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
/** Leaves no descriptor for later imports. */
const NO_FILES = `
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
files = []
while True:
    files.append(open('/dev/null'))
`
const HAS_JSON = "import sys; print('json' in sys.modules)"
/** The same check without the word import, so that the agent does not see that it imports. */
const HAS_JSON_HIDDEN = HAS_JSON.replace(
  'import sys',
  "sys = __builtins__.__dict__['__imp' 'ort__']('sys')",
)

describe.each(here)('the common imports of Python programs, $where', (place) => {
  const folderOfTest = useFolders(place)

  it('a program can read its own source lines', async () => {
    const { agent } = await folderOfTest()
    const { stdout, done } = await agent.ask(run(OWN_LINES))
    expect(stdout.toString().split("raise ValueError('x')  # this line")).toHaveLength(4)
    expect(done.exitCode).toBe(0)
  })

  it('an error is reported even if the program cannot import a module', async () => {
    const agent = await agentOfTest(place)
    const { stderr, done, records } = await agent.ask(run(NO_FILES))
    expect(done.exitCode).toBe(1)
    expect(stderr).toMatch(/OSError: .*Too many open files/)
    expect(records).toMatchObject([{ type: 'error', name: 'OSError' }])
  })

  it.each([
    ['that import', HAS_JSON],
    ['that fail', `${HAS_JSON_HIDDEN}; 1 / 0`],
  ])('json is imported from the start after many runs in one lease %s', async (_, code) => {
    const agent = await agentOfTest(place)
    let successes = 0
    await until('json is imported in twenty consecutive runs', async () => {
      successes = (await agent.ask(run(code))).stdout.toString() === 'True\n' ? successes + 1 : 0
      return successes === 20
    })
  })

  it('json is not imported if no earlier run has imported a module', async () => {
    const agent = await agentOfTest(place)
    let found = ''
    for (let count = 0; count < 100 && found !== 'False\n'; count++) {
      await agent.ask(run('print(42)'))
      found = (await agent.ask(run(HAS_JSON_HIDDEN))).stdout.toString()
    }
    expect(found).toBe('False\n')
  })
})
