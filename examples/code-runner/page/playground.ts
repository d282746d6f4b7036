import { byId } from './dom.js'
import { failureOf } from './ending.js'
import type { Example } from './examples.js'
import { EXAMPLES } from './examples.js'
import { FilePanel } from './file-panel.js'
import { Notebook } from './notebook.js'
import type { Language } from './programs.js'
import { languageOf } from './programs.js'
import { Script } from './script.js'
import { linkTo, programIn } from './share.js'
import { Status } from './status.js'

const language = byId('language', HTMLSelectElement)
const example = byId('example', HTMLSelectElement)
const limit = byId('limit', HTMLSelectElement)
const notebookSwitch = byId('notebook', HTMLInputElement)
const runButton = byId('run', HTMLButtonElement)
const stopButton = byId('stop', HTMLButtonElement)

const status = new Status()
const script = new Script(status, () => void run())
const files = new FilePanel(script.files, (text) => status.say(text))
let notebook: Notebook | undefined
let isRunning = false

/** Runs an action with the buttons in the right state, unless another action is running. */
async function alone(action: () => Promise<void>): Promise<void> {
  if (isRunning) return
  setRunning(true)
  stopButton.textContent = 'Stop'
  try {
    await action()
  } catch (error) {
    status.end(failureOf(error), { lines: 0, results: 0 })
  }
  setRunning(false)
  await files.refresh()
}

function setRunning(value: boolean): void {
  isRunning = value
  const [from, to] = value ? [runButton, stopButton] : [stopButton, runButton]
  to.disabled = false
  // A button that is disabled loses the focus, and a keyboard user the place in the page.
  if (document.activeElement === from) to.focus()
  from.disabled = true
  for (const control of [language, example, notebookSwitch]) control.disabled = value
}

async function run(): Promise<void> {
  const options = { language: chosenLanguage(), timeoutMs: Number(limit.value) }
  await (notebook ? notebook.runAll() : alone(() => script.run(options)))
}

async function stop(): Promise<void> {
  stopButton.textContent = notebook ? 'Restart' : 'Kill'
  if (!notebook) return script.stop()
  await notebook.stop().catch(report)
}

const report = (error: unknown): void => status.say(failureOf(error).text, 'bad')

async function restart(): Promise<void> {
  await notebook?.restart().catch(report)
  await files.refresh()
}

const chosenLanguage = (): Language => languageOf(language.value)

/** Shows the editor of one program, or the cells of a notebook. */
function showMode(): void {
  const isNotebook = notebookSwitch.checked
  document.body.dataset.mode = isNotebook ? 'notebook' : 'script'
  sessionStorage.setItem('mode', document.body.dataset.mode)
  notebook?.close()
  const page = { status, alone, timeoutMs: () => Number(limit.value) }
  notebook = isNotebook ? new Notebook(chosenLanguage(), page) : undefined
  files.store = notebook?.session ?? script.files
}

function showExample({ language: name, code, timeoutMs = 10_000 }: Example): void {
  const isOther = name !== language.value
  language.value = name
  limit.value = String(timeoutMs)
  if (notebook && isOther) showMode()
  if (notebook) notebook.add(code)
  else script.load({ language: name, code })
  status.say('Ready')
}

async function share(): Promise<void> {
  const code = notebook?.code ?? script.editor.code
  const link = await linkTo({ language: chosenLanguage(), code })
  history.replaceState(null, '', link)
  try {
    await navigator.clipboard.writeText(link)
    status.say('The link is copied. It has the code in it, and the code is sent to no server.')
  } catch {
    status.say('The link is in the address bar.')
  }
}

/**
 * Shows the program of the link, or the program from before a reload. It does not start the
 * program.
 */
async function begin(): Promise<void> {
  const shared = await programIn(location.hash)
  const [first] = EXAMPLES
  if (shared) script.load(shared)
  else if (!script.restore() && first) script.load(first)
  language.value = script.language
  notebookSwitch.checked = !shared && sessionStorage.getItem('mode') === 'notebook'
  showMode()
}

runButton.addEventListener('click', () => void run())
stopButton.addEventListener('click', () => void stop())
byId('share', HTMLButtonElement).addEventListener('click', () => void share())
byId('add', HTMLButtonElement).addEventListener('click', () => notebook?.add())
byId('restart', HTMLButtonElement).addEventListener('click', () => void restart())
notebookSwitch.addEventListener('change', showMode)
language.addEventListener('change', () => {
  script.language = chosenLanguage()
  if (notebook) showMode()
})
example.append(...EXAMPLES.map(({ name }) => new Option(name)))
example.addEventListener('change', () => {
  const chosen = EXAMPLES.find(({ name }) => name === example.value)
  if (chosen) showExample(chosen)
  example.value = ''
})
document.addEventListener('keydown', (event) => {
  // The editors handle the key themselves.
  const isRun = event.key === 'Enter' && (event.ctrlKey || event.metaKey)
  if (isRun && !event.defaultPrevented) void run()
})
window.addEventListener('hashchange', () => void begin())
await begin()
document.body.dataset.ready = 'yes'
