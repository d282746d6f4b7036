import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildInto, compile, makeBuildFolder } from './build.js'
import type { Block } from './docs.js'

const OPTIONS = {
  target: 'ES2022',
  lib: ['ES2023', 'ESNext.Disposable'],
  module: 'NodeNext',
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  skipLibCheck: true,
  outDir: 'out',
  rootDir: '.',
}

/**
 * A project with the library, built from the sources, in its `node_modules`. Blocks are compiled
 * against the `exports` of the library and run with its files.
 */
export class DocsProject {
  readonly folder: string
  readonly #names = new Map<Block, string>()

  private constructor() {
    this.folder = makeBuildFolder('docs')
  }

  /** The folder in which the library is installed. */
  get library(): string {
    return path.join(this.folder, 'node_modules/hono-sandbox')
  }

  static async create(): Promise<DocsProject> {
    const project = new DocsProject()
    try {
      await project.#install()
      return project
    } catch (error) {
      project.remove()
      throw error
    }
  }

  /** Compiles all blocks in one run. Returns the compiler's errors; an empty string if there are none. */
  async compile(blocks: readonly Block[]): Promise<string> {
    for (const block of blocks) {
      const [file = '', line = '1'] = block.where.split(':')
      const name = `${file.replaceAll(/[^\w]/g, '-')}-${line}`
      this.#names.set(block, name)
      // Empty lines before the block, so that an error has the line number of the page.
      const text = '\n'.repeat(Number(line) - 1) + block.text
      writeFileSync(path.join(this.folder, `${name}.ts`), `${text}\nexport {}\n`)
    }
    const files = [...this.#names.values()].map((name) => `${name}.ts`)
    this.#write('tsconfig.json', { compilerOptions: OPTIONS, files })
    return compile(['-p', this.folder])
  }

  /** Returns the path of the program that a block was compiled to. */
  programOf(block: Block): string {
    return path.join(this.folder, 'out', `${this.#names.get(block)}.js`)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #install(): Promise<void> {
    mkdirSync(this.library, { recursive: true })
    this.#write('package.json', { type: 'module' })
    await buildInto(this.library)
  }

  #write(name: string, value: unknown): void {
    writeFileSync(path.join(this.folder, name), JSON.stringify(value))
  }
}
