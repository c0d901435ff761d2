import { limits } from '../../limits.ts'
import type { HeaderCursor } from './header-cursor.ts'

/** Integers above 2^53 - 1 stay bigints. */
export type GgufScalar = number | bigint | boolean | string
export type GgufValue = GgufScalar | readonly GgufScalar[]

/** Fixed-size types by their number in the file (`gguf_metadata_value_type` of the specification). */
const fixedSize: readonly (readonly [number, (view: DataView, at: number) => GgufScalar] | undefined)[] = [
  [1, (view, at) => view.getUint8(at)],
  [1, (view, at) => view.getInt8(at)],
  [2, (view, at) => view.getUint16(at, true)],
  [2, (view, at) => view.getInt16(at, true)],
  [4, (view, at) => view.getUint32(at, true)],
  [4, (view, at) => view.getInt32(at, true)],
  [4, (view, at) => view.getFloat32(at, true)],
  [1, (view, at) => view.getUint8(at) !== 0],
  undefined,
  undefined,
  [8, (view, at) => exact(view.getBigUint64(at, true))],
  [8, (view, at) => exact(view.getBigInt64(at, true))],
  [8, (view, at) => view.getFloat64(at, true)],
]
const textType = 8
const listType = 9

/** @throws {ModelError} `bad-model` for an unknown type, a list of lists, or a length beyond the limits */
export async function readValue(cursor: HeaderCursor, key: string): Promise<GgufValue> {
  const type = await cursor.uint32()
  if (type !== listType) return readScalar(cursor, key, type)
  const elementType = await cursor.uint32()
  const length = await cursor.count(`the length of ${key}`, limits.ggufListLengthMax)
  cursor.spendElements(length)
  if (elementType === textType) {
    const texts: string[] = []
    for (let index = 0; index < length; index++) texts.push(await cursor.text(key, limits.ggufTextBytesMax))
    return texts
  }
  const [size, read] = fixedSize[elementType] ?? cursor.refuse(`${key} is a list of type ${elementType}`)
  const bytes = await cursor.bytes(size * length)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length }, (_, index) => read(view, index * size))
}

async function readScalar(cursor: HeaderCursor, key: string, type: number): Promise<GgufScalar> {
  if (type === textType) return cursor.text(key, limits.ggufTextBytesMax)
  const [size, read] = fixedSize[type] ?? cursor.refuse(`${key} has the unknown type ${type}`)
  const bytes = await cursor.bytes(size)
  return read(new DataView(bytes.buffer, bytes.byteOffset, size), 0)
}

function exact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
