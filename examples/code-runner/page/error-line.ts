/** A place in the code, as Python and Node print it in a traceback. */
const PLACE = /\b(main|cell-\d+)\.(py|[cm]?js|ts)(?:", line |:)(\d+)/g

/**
 * Returns the line of the code that an error comes from: the innermost place of the traceback in the
 * code that was run. Functions of earlier cells are left out.
 */
export function errorLine(traceback: string): number | undefined {
  const places = Array.from(traceback.matchAll(PLACE), ([, file, extension, line]) => {
    return { file, extension, line: Number(line) }
  })
  // Python prints the innermost place last, Node prints it first.
  if (places[0]?.extension === 'py') places.reverse()
  const own = places.at(-1)?.file
  return places.find(({ file }) => file === own)?.line
}
