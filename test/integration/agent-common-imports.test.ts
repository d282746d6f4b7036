import { describe, expect, it } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { agentOfTest, places, useFolders } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

const here = places.filter(({ language }) => language === 'python')

/** Reads its own lines in every way there is, before any other code has. */
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
/** The same, but the agent cannot find the word import in it. */
const HAS_JSON_UNSEEN = HAS_JSON.replace(
  'import sys',
  "sys = __builtins__.__dict__['__imp' 'ort__']('sys')",
)

describe.each(here)('the common imports of programs in Python, $where', (place) => {
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

  it.each([
    ['that import', HAS_JSON],
    ['that fail', `${HAS_JSON_UNSEEN}; 1 / 0`],
  ])('is there from the start where one lease has many runs %s', async (_, code) => {
    const agent = await agentOfTest(place)
    let row = 0
    await until('twenty runs in a row find it imported', async () => {
      row = (await agent.ask(run(code))).stdout.toString() === 'True\n' ? row + 1 : 0
      return row === 20
    })
  })

  it('is not there where runs follow each other and none asks for it', async () => {
    const agent = await agentOfTest(place)
    let found = ''
    for (let count = 0; count < 100 && found !== 'False\n'; count++) {
      await agent.ask(run('print(42)'))
      found = (await agent.ask(run(HAS_JSON_UNSEEN))).stdout.toString()
    }
    expect(found).toBe('False\n')
  })
})
