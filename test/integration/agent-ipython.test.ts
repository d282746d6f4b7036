import { describe, expect, it } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'

const text = (value: string) => ({ type: 'result', isMain: false, text: value })
const object = (name: string) => text(`<IPython.core.display.${name} object>`)
const PNG = Buffer.from('\x89PNG', 'latin1')

/** Calls of names in `IPython.display`, and the results. */
const CALLS: [string, object[]][] = [
  ['display(HTML("<b>"), 1)', [{ ...object('HTML'), html: '<b>' }, text('1')]],
  ['display(Markdown("**"))', [{ ...object('Markdown'), markdown: '**' }]],
  ['display(Latex("$x$"))', [{ ...object('Latex'), latex: '$x$' }]],
  ['display(JSON({"a": [1]}))', [{ ...object('JSON'), json: { a: [1] } }]],
  ['display(SVG("<?xml?><svg/>"))', [{ ...object('SVG'), svg: '<svg/>' }]],
  [
    'open("a.png", "wb").write(b"\\x89PNG")\ndisplay(Image("a.png"))',
    [{ ...object('Image'), png: PNG.toString('base64') }],
  ],
  [
    'display(Image(b"GIF8", width=5))',
    [{ ...object('Image'), html: '<img src="data:image/gif;base64,R0lGOA==" width="5"/>' }],
  ],
  [
    'display(Image(url="http://host/a.png"))',
    [{ ...object('Image'), html: '<img src="http://host/a.png"/>' }],
  ],
  ['display(Javascript("alert(1)"))', [object('Javascript')]],
  ['display_html("<b>", raw=True)', [{ type: 'result', isMain: false, html: '<b>' }]],
  ['display_html(HTML("<b>"))', [{ type: 'result', isMain: false, html: '<b>' }]],
  ['publish_display_data({"text/plain": "x"})', [text('x')]],
  [
    'handle = display(1, display_id=True)\nhandle.update(2)\nupdate_display(3, display_id="a")\nclear_output(wait=True)',
    [text('1'), text('2'), text('3')],
  ],
]

/** A package that prints, as IPython does without a shell, and a package whose bars need widgets. */
const INSTALLED = {
  'IPython/__init__.py': '',
  'IPython/core/__init__.py': '',
  'IPython/core/display_functions.py':
    'def display(*objs, **_): print(*objs)\ndef clear_output(wait=False): print("\\x1b[2K")\n',
  'IPython/display.py': 'from IPython.core.display_functions import *\nis_installed = True\n',
  'tqdm/__init__.py': '',
  'tqdm/notebook.py':
    'std_tqdm = list\ndef tqdm_notebook(items): raise ImportError("no widgets")\ntqdm = trange = tnrange = tqdm_notebook\n',
}

const pythonPlaces = places.filter((place) => place.language === 'python' && !isSlow(place))

describe.each(pythonPlaces)('IPython.display in the Python agent, $where', (place) => {
  const folderOfTest = useFolders(place)
  const ask = async (code: string, files = {}) => {
    const folder = await folderOfTest()
    for (const [path, content] of Object.entries<string>(files)) {
      await folder.sh(`mkdir -p $(dirname ${path})`)
      await folder.write(path, content)
    }
    const { agent, path } = folder
    return agent.ask(run(code, { cwd: `${agent.workspace}/${path}` }))
  }

  it('displays by the names of IPython without IPython', async () => {
    const calls = CALLS.map(([code]) => code).join('\n')
    const { records, stdout, stderr } = await ask(`from IPython.display import *\n${calls}`)
    expect([stdout.toString(), stderr]).toEqual(['', ''])
    expect(records).toEqual(CALLS.flatMap(([, results]) => results))
  })

  it('is like IPython without a shell for libraries', async () => {
    const code =
      'import sys\nprint("IPython" in sys.modules)\nimport IPython\n' +
      'from IPython.core.display import HTML\nprint(IPython.get_ipython(), IPython.display.HTML is HTML)\n' +
      'import IPython.core.interactiveshell'
    const { stdout, stderr } = await ask(code)
    expect(stdout.toString()).toBe('False\nNone True\n')
    expect(stderr).toMatch(
      /\nModuleNotFoundError: No module named 'IPython.core.interactiveshell'\n$/,
    )
  })

  it('shows the values that an installed IPython displays', async () => {
    const code =
      'from IPython.display import display, clear_output, is_installed\ndisplay(6, 7)\nclear_output()\n' +
      'from tqdm.notebook import tqdm, trange\nprint(tqdm("ab"), trange(2))'
    const { records, stdout, stderr } = await ask(code, INSTALLED)
    expect([stdout.toString(), stderr]).toEqual(["['a', 'b'] [0, 1]\n", ''])
    expect(records).toEqual([text('6'), text('7')])
  })
})
