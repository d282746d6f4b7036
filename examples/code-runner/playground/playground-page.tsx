import { Layout } from './layout.js'

const LANGUAGES = { python: 'Python', nodejs: 'Node', typescript: 'TypeScript' }
const LIMITS = { 2000: '2 s', 10_000: '10 s', 60_000: '60 s' }

/** The page with the editor. Its script fills it. */
export function PlaygroundPage() {
  return (
    <Layout title="Playground" script="playground">
      <div class="bar tools">
        <label>
          Language
          <Choice id="language" options={LANGUAGES} chosen="python" />
        </label>
        <label>
          Example
          <select id="example">
            <option value="">Choose…</option>
          </select>
        </label>
        <label class="switch">
          <input type="checkbox" role="switch" id="notebook" />
          Notebook
        </label>
        <button type="button" id="share">
          Copy link
        </button>
      </div>
      <div class="bar run-bar">
        <button type="button" id="run" class="primary" aria-keyshortcuts="Control+Enter Meta+Enter">
          Run
        </button>
        <button type="button" id="stop" disabled>
          Stop
        </button>
        <p class="state">
          <span id="status" role="status" data-state="idle">
            Ready
          </span>{' '}
          <span id="clock" aria-hidden="true"></span>
        </p>
        <label class="limit">
          Time limit
          <Choice id="limit" options={LIMITS} chosen="10000" />
        </label>
      </div>
      <div class="columns script-only">
        <section aria-labelledby="program-heading">
          <h2 id="program-heading">Program</h2>
          <div id="editor" class="editor"></div>
        </section>
        <section aria-labelledby="output-heading">
          <div class="heading">
            <h2 id="output-heading">Output</h2>
            <button type="button" id="clear" class="quiet">
              Clear
            </button>
          </div>
          <div
            id="output"
            class="output"
            tabindex={0}
            role="group"
            aria-labelledby="output-heading"
          ></div>
          <form id="input" hidden>
            <label for="line">Input</label>
            <input id="line" autocomplete="off" autocapitalize="off" spellcheck={false} />
            <button type="submit">Send</button>
            <button type="button" id="eof">
              End of input
            </button>
          </form>
        </section>
      </div>
      <section class="notebook-only" aria-labelledby="notebook-heading">
        <h2 id="notebook-heading">Cells</h2>
        <ol id="cells"></ol>
        <div class="bar">
          <button type="button" id="add">
            Add a cell
          </button>
          <button type="button" id="restart">
            Restart the session
          </button>
        </div>
      </section>
      <section aria-labelledby="files-heading" class="files">
        <div class="heading">
          <h2 id="files-heading">Files</h2>
          <button type="button" id="choose" class="quiet">
            Add files
          </button>
          <span class="muted">or drop them on the page</span>
        </div>
        <input type="file" id="upload" multiple hidden aria-label="Files to add" />
        <ul id="files"></ul>
      </section>
      <p class="muted keys" id="keys">
        <kbd>Ctrl</kbd> or <kbd>⌘</kbd> <kbd>Enter</kbd> runs the code. <kbd>Tab</kbd> indents;{' '}
        <kbd>Esc</kbd> and then <kbd>Tab</kbd> leaves the editor.
      </p>
    </Layout>
  )
}

interface ChoiceProps {
  id: string
  options: Readonly<Record<string, string>>
  chosen: string
}

function Choice({ id, options, chosen }: ChoiceProps) {
  return (
    <select id={id}>
      {Object.entries(options).map(([value, name]) => (
        <option value={value} selected={value === chosen}>
          {name}
        </option>
      ))}
    </select>
  )
}
