import { Cell } from './cell.js'
import { byId } from './dom.js'
import type { Language } from './programs.js'
import { Session } from './session.js'
import type { Status } from './status.js'

/** What happened to an earlier session, in words. */
const LOST: Readonly<Record<string, string>> = {
  idle: 'was idle for too long',
  ttl: 'was too old',
  evicted: 'made room for another one',
  crash: 'crashed',
  oom: 'ran out of memory',
  ended: 'was restarted',
}

/** What a notebook needs from the page. */
export interface Surroundings {
  status: Status
  timeoutMs: () => number
  /** Runs an action, unless another one is running. */
  alone: (action: () => Promise<void>) => Promise<void>
}

/** A notebook: cells that share the variables of a session. The browser keeps the code of the cells. */
export class Notebook {
  readonly session: Session
  readonly #language: Language
  readonly #page: Surroundings
  readonly #list = byId('cells', HTMLOListElement)
  #cells: Cell[] = []
  #count = 0
  #isInterrupted = false

  constructor(language: Language, page: Surroundings) {
    this.#language = language
    this.#page = page
    this.session = new Session(language)
    for (const code of savedCells(language)) this.#append(code)
  }

  /** The code of all cells. */
  get code(): string {
    return this.#cells.map(({ code }) => code).join('\n\n')
  }

  /** Adds a cell at the end. */
  add(code = ''): void {
    const [last] = this.#cells.slice(-1)
    if (last?.code === '') this.#remove(last)
    this.#append(code).focus()
    this.#save()
  }

  /** Runs all cells, until one fails. */
  runAll(): Promise<void> {
    return this.#run([...this.#cells])
  }

  #run(cells: readonly Cell[]): Promise<void> {
    const { alone, status, timeoutMs } = this.#page
    return alone(async () => {
      this.#isInterrupted = false
      for (const cell of cells) {
        status.start()
        const ending = await cell.run(this.session, timeoutMs(), (head) =>
          this.#welcome(head, cell),
        )
        cell.count = ++this.#count
        status.end(ending, cell.output)
        if (!ending.isGood) return
      }
    })
  }

  /** Interrupts the cell. The second call ends the session. */
  async stop(): Promise<void> {
    if (this.#isInterrupted) return this.restart()
    this.#isInterrupted = true
    await this.session.interrupt()
  }

  /** Ends the session: the variables and the files are gone, the code stays. */
  async restart(): Promise<void> {
    await this.session.restart()
    this.#count = 0
    this.#page.status.say('The session is ended. The next cell begins a new one.')
  }

  /** Removes the cells from the page. The browser still keeps their code. */
  close(): void {
    for (const cell of this.#cells) cell.remove()
  }

  #append(code: string): Cell {
    const cell = new Cell(
      { language: this.#language, code },
      {
        run: (cell) => void this.#run([cell]),
        remove: (cell) => this.#remove(cell),
        change: () => this.#save(),
      },
    )
    this.#cells.push(cell)
    this.#list.append(cell.element)
    return cell
  }

  #remove(cell: Cell): void {
    this.#cells = this.#cells.filter((each) => each !== cell)
    cell.remove()
    if (this.#cells.length === 0) this.#append('')
    this.#cells.at(-1)?.focus()
    this.#save()
  }

  #welcome(head: Headers, { output }: Cell): void {
    const lost = head.get('sandbox-session-lost')
    if (head.get('sandbox-session') === 'new') this.#count = 0
    if (lost) output.write('note', `The session ${LOST[lost] ?? lost}. Its variables are gone.\n`)
  }

  #save(): void {
    const codes = this.#cells.map(({ code }) => code)
    localStorage.setItem(keyOf(this.#language), JSON.stringify(codes))
  }
}

const keyOf = (language: Language) => `cells-${language}`

function savedCells(language: Language): string[] {
  try {
    const saved: unknown = JSON.parse(localStorage.getItem(keyOf(language)) ?? '[]')
    const codes = Array.isArray(saved) ? saved.filter((code) => typeof code === 'string') : []
    return codes.length > 0 ? codes : ['']
  } catch {
    return ['']
  }
}
