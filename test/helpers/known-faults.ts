import type { AgentName } from '../../src/languages/built-in.js'

/**
 * The programs of `test/differential` that differ because of a fault that is not mended yet, by the
 * fault. Whoever mends one deletes its programs here: the test fails if one of them does not differ.
 */
export const KNOWN_FAULTS: Record<AgentName, Record<string, readonly string[]>> = {
  python: {
    'syntax errors of the compiler have no source line, or another place': [
      'syntax-error-at-the-end',
      'syntax-error-of-bytes',
    ],
    'an error of sys.excepthook is not printed': ['excepthook-that-raises'],
    'sys.last_type, last_value and last_traceback are not set': ['last-values-in-atexit'],
    'a stream that cannot be flushed at the end is not named': [
      'stdout-that-cannot-be-flushed-at-exit',
    ],
    'frames, hooks and imports of the agent are visible': [
      'asyncio-create-task-outside',
      'asyncio-never-awaited-and-kept',
      'atexit-that-exits',
      'generator-that-ignores-its-end',
      'main-search-path',
    ],
    'variables that the interpreter reads at its start have no effect': [
      'environment-development-mode',
      'environment-home',
    ],
  },
  nodejs: {
    'listeners of the agent are visible': ['exit-listeners-at-the-start'],
    'the last value is looked at, which changes the program': ['require-a-proxy-at-the-end'],
    'a syntax error stands in brackets, or lacks the version of Node': [
      'types-enum',
      'types-parameter-properties',
      'types-syntax-error',
    ],
  },
}
