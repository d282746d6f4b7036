/** A language of the playground. */
export type Language = 'python' | 'nodejs' | 'typescript'

/** Returns the language with a name, or Python. */
export function languageOf(name: string | undefined): Language {
  return name === 'nodejs' || name === 'typescript' ? name : 'python'
}

/** A program with the language that it is written in. */
export interface Program {
  language: Language
  code: string
}
