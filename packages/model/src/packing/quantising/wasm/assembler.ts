/**
 * The part of WebAssembly that the kernels of this folder need. Instructions are functions that take the code of their
 * operands. WebAssembly's arithmetic is defined bit by bit, with SIMD too, so a kernel gives the same bytes everywhere.
 */
export type Code = readonly number[]

const valueTypes = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const
export type ValueType = keyof typeof valueTypes

/** An unsigned number in LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest & 0x7f
    rest >>>= 7
    bytes.push(rest === 0 ? low : low | 0x80)
  } while (rest !== 0)
  return bytes
}

/** A signed 32-bit number in LEB128. */
function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low]
    bytes.push(low | 0x80)
  }
}

const floatBytes = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)]
const vector = (opcode: number): number[] => [0xfd, ...unsigned(opcode)]
const one =
  (...opcode: readonly number[]) =>
  (operand: Code): Code => [...operand, ...opcode]
const two =
  (...opcode: readonly number[]) =>
  (first: Code, second: Code): Code => [...first, ...second, ...opcode]

/** Addresses are aligned to `2 ** alignment` bytes. */
const at = (alignment: number, offset: number): number[] => [alignment, ...unsigned(offset)]

export const get = (index: number): Code => [0x20, ...unsigned(index)]
export const set = (index: number, value: Code): Code => [...value, 0x21, ...unsigned(index)]
export const call = (index: number, ...operands: readonly Code[]): Code => [
  ...operands.flat(),
  0x10,
  ...unsigned(index),
]
export const result = (value: Code): Code => [...value, 0x0f]

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: two(0x6a),
  subtract: two(0x6b),
  multiply: two(0x6c),
  and: two(0x71),
  less: two(0x49),
  shiftRight: two(0x76),
}

export const f32 = {
  const: (value: number): Code => [0x43, ...floatBytes(value)],
  load: (address: Code): Code => [...address, 0x2a, ...at(2, 0)],
  store: (address: Code, value: Code): Code => [...address, ...value, 0x38, ...at(2, 0)],
  add: two(0x92),
  subtract: two(0x93),
  multiply: two(0x94),
  divide: two(0x95),
  floor: one(0x8e),
  minimum: two(0x96),
  maximum: two(0x97),
  less: two(0x5d),
  differs: two(0x5c),
}

export const v128 = {
  load: (address: Code, offset = 0): Code => [...address, ...vector(0), ...at(4, offset)],
  store: (address: Code, value: Code): Code => [...address, ...value, ...vector(0x0b), ...at(4, 0)],
  /** Stores the lower eight bytes. */
  storeHalf: (address: Code, value: Code): Code => [...address, ...value, ...vector(0x5b), ...at(3, 0), 0],
  or: two(...vector(0x50)),
  and: two(...vector(0x4e)),
}

/** Four float32 lanes. The minimum and maximum are those of `<`: one machine instruction each. */
export const f32x4 = {
  splat: one(...vector(0x13)),
  const: (value: number): Code => [...f32.const(value), ...vector(0x13)],
  lane: (value: Code, lane: number): Code => [...value, ...vector(0x1f), lane],
  floor: one(...vector(0x68)),
  magnitude: one(...vector(0xe0)),
  add: two(...vector(0xe4)),
  subtract: two(...vector(0xe5)),
  multiply: two(...vector(0xe6)),
  /** NaN where one operand is. */
  maximumOrNaN: two(...vector(0xe9)),
  minimum: two(...vector(0xea)),
  maximum: two(...vector(0xeb)),
  toIntegers: one(...vector(0xf8)),
}

export const integers = {
  /** Two vectors of four to one of eight, with saturation. */
  narrowTo16: two(...vector(0x85)),
  narrowTo8Unsigned: two(...vector(0x66)),
  splat16: (value: number): Code => [...i32.const(value), ...vector(0x10)],
  splat32: (value: number): Code => [...i32.const(value), ...vector(0x11)],
  add32: two(...vector(0xae)),
  shiftRight16: (value: Code, bits: number): Code => [...value, ...i32.const(bits), ...vector(0x8d)],
}

/** The sum of four lanes, in one order: (0 + 1) + (2 + 3). */
export function laneSum(value: Code): Code {
  const lane = (index: number): Code => f32x4.lane(value, index)
  return f32.add(f32.add(lane(0), lane(1)), f32.add(lane(2), lane(3)))
}

export const when = (condition: Code, body: Code): Code => [...condition, 0x04, 0x40, ...body, 0x0b]

/** Runs `body` with local `index` from `first` on, in steps, while it is below `end`; once at least. */
export function countUp(index: number, first: Code, end: Code, step: Code, body: readonly Code[]): Code {
  const next = set(index, i32.add(get(index), step))
  return [
    ...set(index, first),
    0x03,
    0x40,
    ...body.flat(),
    ...next,
    ...i32.less(get(index), end),
    0x0d,
    0,
    0x0b,
  ]
}

export interface WasmFunction {
  readonly parameters: readonly ValueType[]
  readonly result: ValueType | null
  /** Behind the parameters, counted on from them. */
  readonly locals: readonly ValueType[]
  readonly body: Code
}

/** The letters asm behind a zero, and version 1. */
const magic = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

/** A module with these functions, of which the named ones are exported, and a memory `memory` of so many pages of 64 KiB. */
export function assemble(
  functions: readonly WasmFunction[],
  exported: Readonly<Record<string, number>>,
  pages: number,
): Uint8Array<ArrayBuffer> {
  const list = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()]
  const sized = (code: Code): number[] => [...unsigned(code.length), ...code]
  const section = (id: number, items: readonly Code[]): number[] => [id, ...sized(list(items))]
  const name = (text: string): number[] => sized([...new TextEncoder().encode(text)])
  const types = (names: readonly ValueType[]): number[] => list(names.map((one) => [valueTypes[one]]))
  return Uint8Array.from([
    ...magic,
    ...section(
      1,
      functions.map((one) => [
        0x60,
        ...types(one.parameters),
        ...types(one.result === null ? [] : [one.result]),
      ]),
    ),
    ...section(
      3,
      functions.map((_, index) => unsigned(index)),
    ),
    ...section(5, [[0, ...unsigned(pages)]]),
    ...section(7, [
      [...name('memory'), 2, 0],
      ...Object.entries(exported).map(([text, index]) => [...name(text), 0, ...unsigned(index)]),
    ]),
    ...section(
      10,
      functions.map(({ locals, body }) =>
        sized([...list(locals.map((one) => [1, valueTypes[one]])), ...body, 0x0b]),
      ),
    ),
  ])
}
