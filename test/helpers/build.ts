import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { root } from './docs.js'

const TSC = path.join(root, 'node_modules/.bin/tsc')

/**
 * Makes a folder for a build of its own, because other tests run the programs in `dist`. It lies in
 * `node_modules` of the repository, so that Node finds the packages.
 */
export function makeBuildFolder(name: string): string {
  const cache = path.join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  return mkdtempSync(path.join(cache, `hono-sandbox-${name}-`))
}

/**
 * Builds the library, or the files of another TypeScript configuration, into `dist` of a folder.
 * The `exports` of the folder are those of the library.
 */
export async function buildInto(folder: string, config = 'tsconfig.build.json'): Promise<void> {
  copyFileSync(path.join(root, 'package.json'), path.join(folder, 'package.json'))
  const dist = path.join(folder, 'dist')
  const errors = await compile(['-p', path.join(root, config), '--outDir', dist])
  if (errors) throw new Error(errors)
  const options = { cwd: root }
  await promisify(execFile)(process.execPath, ['src/agent/embed-sources.js', dist], options)
}

/** Runs the compiler. Returns its errors; an empty string if there are none. */
export async function compile(args: readonly string[]): Promise<string> {
  try {
    await promisify(execFile)(TSC, [...args, '--pretty', 'false'], { cwd: root })
    return ''
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && error.stdout !== '') {
      return String(error.stdout)
    }
    throw error
  }
}
