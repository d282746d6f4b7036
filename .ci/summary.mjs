// Prints the failed tests of the reports with the beginnings of their errors, then the sum of all reports,
// so that the end of a long output tells what failed. The reports are vitest's of the format `json`.
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

/** The failures of a file: its failed tests, or the error that kept it from having tests. */
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
