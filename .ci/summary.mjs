// Prints each failed test with the first lines of its error, and then the numbers of passed and
// failed tests in all reports. CI prints this last, so that the end of a long output names the
// failures. The arguments are the reports: JSON files from vitest.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

const ERROR_LINES = 12
const root = `${process.cwd()}/`

/** @param {string} message */
function beginning(message) {
  const lines = stripVTControlCharacters(message)
    .trim()
    .split('\n')
    .filter((line) => !line.includes('/node_modules/'))
  return lines.slice(0, ERROR_LINES).map((line) => `    ${line.slice(0, 300)}`)
}

/** Returns the failed tests of a file, or the error of a file that could not be loaded. */
function failures(file) {
  const name = file.name.replace(root, '')
  const tests = file.assertionResults
    .filter((test) => test.status === 'failed')
    .map((test) => ({
      title: `${name} > ${test.fullName}`,
      message: test.failureMessages.join('\n'),
    }))
  return tests.length === 0 && file.status === 'failed'
    ? [{ title: name, message: file.message }]
    : tests
}

let passed = 0
let failed = 0
for (const path of process.argv.slice(2)) {
  const report = JSON.parse(readFileSync(path, 'utf8'))
  passed += report.numPassedTests
  failed += report.numFailedTests
  if (report.testResults === undefined) {
    if (report.numFailedTests > 0)
      console.log(`${basename(path)}: the tests ended without a report`)
    continue
  }
  for (const { title, message } of report.testResults.flatMap(failures)) {
    console.log([`FAILED ${basename(path, '.json')}: ${title}`, ...beginning(message)].join('\n'))
  }
}
console.log(`${passed} passed, ${failed} failed`)
