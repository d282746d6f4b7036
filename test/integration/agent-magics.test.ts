import { describe, expect, it } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'

const pythonPlaces = places.filter((place) => place.language === 'python' && !isSlow(place))

describe.each(pythonPlaces)('magics of notebooks in Python, $where', (place) => {
  const folderOfTest = useFolders(place)
  const runInFolder = async (code: string, files: Record<string, string> = {}) => {
    const folder = await folderOfTest()
    for (const [path, text] of Object.entries(files)) await folder.write(path, text)
    const cwd = `${folder.agent.workspace}/${folder.path}`
    const { stdout, stderr, records, done } = await folder.agent.ask(run(code, { cwd }))
    return { cwd, stdout: stdout.toString(), stderr, records, exitCode: done.exitCode }
  }
  const mainResult = (text: string) => ({ type: 'result', isMain: true, text })

  it('a shell command writes between the lines of the program, with values in it', async () => {
    const code = [
      'import os; os.environ["V"] = "v"',
      'def show(y):',
      '    !echo {y + 1} $y \\',
      "      '$y' $$V",
      'print("before")',
      'for i in range(2):',
      '    show(i)',
      'lines = !echo a; echo b',
      'print("after", lines, lines.s)',
      '!exit 3',
      '_exit_code',
    ].join('\n')
    const { stdout, stderr, records } = await runInFolder(code)
    expect(stderr).toBe('')
    expect(stdout).toBe("before\n1 0 $y v\n2 1 $y v\nafter ['a', 'b'] a b\n")
    expect(records).toEqual([mainResult('3')])
  })

  it('magics change the folder and the variables, or do nothing if nothing is to be done', async () => {
    const code = [
      '%matplotlib inline',
      '%load_ext autoreload',
      '%autoreload 2',
      "%config InlineBackend.figure_format = 'retina'",
      '%cd /tmp',
      '%env A=b',
      'folder = %pwd',
      '!echo $A {folder}',
      '%env A',
    ]
    const { stdout, records } = await runInFolder(code.join('\n'))
    expect(stdout).toBe('/tmp\nenv: A=b\nb /tmp\n')
    expect(records).toEqual([mainResult("'b'")])
  })

  it('%%time and %time print times, and code in them is code of the program', async () => {
    const head = await runInFolder('# a comment\n%%time\nx = 20\nprint(x)\nx + 1')
    expect(head.stdout).toMatch(/^20\nCPU times: user .+, sys: .+, total: .+\nWall time: .+s\n$/)
    expect(head.records).toEqual([mainResult('21')])
    const line = await runInFolder('x = 1\n%time y = x + 1\n%time y + 1')
    expect(line.stdout.match(/Wall time/g)).toHaveLength(2)
    expect(line.records).toEqual([mainResult('3')])
    const repeated = await runInFolder('x = [1]\n%timeit -n 2 -r 3 x.append(1)\nlen(x)')
    expect(repeated.stdout).toMatch(/per loop \(mean ± std\. dev\. of 3 runs, 2 loops each\)\n$/)
    expect(repeated.records).toEqual([mainResult('7')])
  })

  it('%%capture keeps output, commands and displays back', async () => {
    const { agent } = await folderOfTest()
    const opened = agent.open({ op: 'open', context: 'c' })
    await opened.wait('the context is ready', () => opened.started !== undefined)
    const ask = (code: string) => agent.ask({ ...run(code), context: 'c' })
    const hidden = await ask('%%capture kept\nprint("a")\n!echo b\ndisplay(1)\n2')
    expect([hidden.stdout.toString(), hidden.records]).toEqual(['', []])
    const shown = await ask('kept.show()')
    opened.signal('SIGKILL')
    await opened.answer()
    expect(shown.stdout.toString()).toBe('a\nb\n')
    expect(shown.records).toEqual([{ type: 'result', isMain: false, text: '1' }])
  })

  it('%%writefile writes a file that %run and !python run', async () => {
    const file = 'import sys\nvalue = sys.argv[1:]\nprint(f"{value}", \'%d\' % 1)\n'
    const written = await runInFolder(`%%writefile a.py\n${file}`)
    expect(written.stdout).toBe('Writing a.py\n')
    const code = '%run a.py x\n!python a.py y\n!cat a.py\nvalue'
    const { stdout, records } = await runInFolder(code, { 'a.py': file })
    expect(stdout).toBe(`['x'] 1\n['y'] 1\n${file}`)
    expect(records).toEqual([mainResult("['x']")])
  })

  it('a script that fails is an error of the cell, without a frame of the agent', async () => {
    const { cwd, stdout, stderr } = await runInFolder('%%bash\nread x\necho not read\nexit 3')
    expect(stdout).toBe('')
    const silent = await runInFolder('%%sh -s a\necho $1 {x}')
    expect([silent.stdout, silent.exitCode]).toEqual(['a {x}\n', 0])
    expect(stderr).toContain(`File "${cwd}/main.py", line 1, in <module>\n    %%bash\n`)
    expect(stderr.match(/File "/g)).toHaveLength(1)
    expect(stderr).toContain('returned non-zero exit status 3')
  })

  it('an unknown magic is an error that names it and its line, before anything runs', async () => {
    const unknown = await runInFolder('print(1)\nif True:\n    %prun f()\n')
    expect([unknown.stdout, unknown.exitCode]).toEqual(['', 1])
    expect(unknown.stderr).toMatch(
      /main\.py", line 3\n {4}%prun f\(\)\n.*\nSyntaxError: %prun does/,
    )
    const late = await runInFolder('x = 1\n%%time\nx')
    expect(late.stderr).toContain('SyntaxError: %%time must be the first line of the code')
  })

  it('errors keep their lines, and text that is Python stays as it is', async () => {
    const wrong = await runInFolder('!echo no\n%pwd\nx = = 1\n')
    expect([wrong.stdout, wrong.stderr.split('\n')[0]]).toEqual([
      '',
      `  File "${wrong.cwd}/main.py", line 3`,
    ])
    const bracket = await runInFolder('x = (1,\n%pwd)\n')
    expect(bracket.stderr).toMatch(/line 2\n {4}%pwd\)\n {4}\^\nSyntaxError: invalid syntax\n/)
    const raised = await runInFolder('!echo \\\n  a\n1 / 0')
    expect(raised.stderr).toMatch(/line 3, in <module>\n {4}1 \/ 0\n/)
    const plain = await runInFolder('x = """\n!ls\n%%time\n"""\nx, sorted(globals())[-1]')
    expect(plain.records).toEqual([mainResult(String.raw`('\n!ls\n%%time\n', 'x')`)])
  })

  it.skipIf(place.where === 'process')('pip says at once that there is no network', async () => {
    const METADATA = 'Metadata-Version: 2.1\nName: some-package\nVersion: 1.2\n'
    const folder = await folderOfTest()
    await folder.agent.ask({ op: 'mkdir', path: `${folder.path}/some_package-1.2.dist-info` })
    await folder.write('some_package-1.2.dist-info/METADATA', METADATA)
    const cwd = `${folder.agent.workspace}/${folder.path}`
    const ask = (code: string) => folder.agent.ask(run(code, { cwd }))
    const found = await ask('!pip install some-package "some_package>=1.1"\n_exit_code')
    expect(found.stdout.toString()).toBe(
      ['some-package', 'some_package>=1.1']
        .map((name) => `Requirement already satisfied: ${name} in ${cwd} (1.2)\n`)
        .join(''),
    )
    expect(found.records).toEqual([mainResult('0')])
    const missing = await ask('%pip install some-package==2\nprint("on")\n_exit_code')
    expect(missing.stderr).toContain('the sandbox has no network')
    expect(missing.stdout.toString()).toBe('on\n')
    expect(missing.records).toEqual([mainResult('1')])
  })
})
