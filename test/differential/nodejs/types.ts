// === types-are-stripped
interface Point {
  x: number
}
type Name = string
const point: Point = { x: 1 }
const name = 'a' as Name satisfies string
function identity<T>(value: T): T {
  return value
}
console.log(point, name, identity<number>(5), point!.x)

// === types-imports
import type { Stats } from 'node:fs'
import { statSync, type PathLike } from 'node:fs'

const path: PathLike = '/'
const stats: Stats = statSync(path)
console.log(stats.isDirectory())

// === types-with-require
const fs = require('node:fs')
const count: number = fs.readdirSync('/').length
console.log(count > 0)

// === types-await
const value: number = await Promise.resolve(5)
console.log(value)

// === types-error
function fail(text: string): never {
  throw new TypeError(text)
}

fail('typed')

// === types-enum
enum Colour {
  Red,
}
console.log(Colour.Red)

// === types-syntax-error
const a: number = 1
let b: = 2

// === types-of-classes
abstract class Shape {
  private readonly sides: number = 3
  declare label: string
  abstract area(): number
  count(this: Shape): number {
    return this.sides
  }
}
class Square extends Shape {
  override area(): number {
    return 4
  }
}
console.log(new Square().area(), new Square().count())

// === types-parameter-properties
class Point {
  constructor(public x: number) {}
}
console.log(new Point(1))

// === types-of-helpers
import { writeFileSync } from 'node:fs'

writeFileSync('helper.ts', 'export const half = (x: number): number => x / 2\n')
const { half } = await import('./helper.ts')
console.log(half(4))

// === types-exported
export interface Options {
  size?: number
}
export const options: Options = {}
console.log(options, import.meta.filename)

// === types-generic-arrow-and-overloads
function pick(value: string): string
function pick(value: number): number
function pick(value: unknown) {
  return value
}
const arrow = <T,>(value: T) => value
console.log(pick(1), arrow('x'))
