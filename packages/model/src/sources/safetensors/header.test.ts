import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ModelError } from '../../error.ts'
import { memoryReader, type RangeReader } from '../range-reader.ts'
import { readSafetensorsHeader } from './header.ts'
import { safetensorsFile, safetensorsOf, smallTensors, utf8 } from '../../testing/small-model.ts'

const read = (file: Uint8Array) => readSafetensorsHeader(memoryReader(file), 'model.safetensors')
const tensor = (dtype: unknown, shape: unknown, range: unknown) => ({ dtype, shape, data_offsets: range })

test('the tensors of a file, wherever their bytes lie', async () => {
  const tensors = smallTensors('BF16')
  const { tensors: found, skipped } = await read(safetensorsOf(tensors))
  expect([...found.keys()]).toEqual(tensors.map(({ name }) => name))
  expect(found.get('lm_head.weight')).toMatchObject({ type: 'BF16', shape: [6, 20], bytes: 240 })
  expect(skipped.size).toBe(0)
})

test('a tensor of another dtype is set aside, not refused: it may not be needed', async () => {
  const { tensors, skipped } = await read(
    safetensorsFile({ ids: tensor('I64', [1], [0, 8]), a: tensor('F32', [2], [0, 8]) }, new Uint8Array(8)),
  )
  expect([...tensors.keys()]).toEqual(['a'])
  expect(skipped.get('ids')).toBe('"I64"')
})

const eight = new Uint8Array(8)
test.each<[string, Uint8Array, RegExp]>([
  ['empty file', new Uint8Array(0), /too short/],
  ['seven bytes', new Uint8Array(7), /too short/],
  [
    'a header longer than the file',
    Uint8Array.of(200, 0, 0, 0, 0, 0, 0, 0, 123, 125),
    /claims 200 bytes, but the file ends/,
  ],
  ['a header of 2^63 bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128), /more than the/],
  ['a header that is not JSON', safetensorsBytes('{"a":'), /not valid JSON/],
  ['a header that is not UTF-8', safetensorsBytes(Uint8Array.of(123, 255, 125)), /not valid JSON/],
  ['a header that is a list', safetensorsFile([], eight), /not a JSON object/],
  ['an entry that is a number', safetensorsFile({ a: 1 }, eight), /not a JSON object/],
  ['a negative size', safetensorsFile({ a: tensor('F32', [-2], [0, 8]) }, eight), /each dimension/],
  ['a fractional size', safetensorsFile({ a: tensor('F32', [0.5], [0, 2]) }, eight), /each dimension/],
  [
    'sizes whose product overflows',
    safetensorsFile({ a: tensor('F32', [2 ** 40, 2 ** 40], [0, 8]) }, eight),
    /too large/,
  ],
  [
    'too many dimensions',
    safetensorsFile({ a: tensor('F32', [1, 1, 1, 1, 1, 1, 1, 1, 2], [0, 8]) }, eight),
    /at most 8 numbers/,
  ],
  ['an end behind the file', safetensorsFile({ a: tensor('F32', [4], [0, 16]) }, eight), /its end/],
  ['an end before the begin', safetensorsFile({ a: tensor('F32', [0], [8, 0]) }, eight), /its end/],
  [
    'bytes that the shape does not need',
    safetensorsFile({ a: tensor('F32', [1], [0, 8]) }, eight),
    /needs 4 bytes, but data_offsets give 8/,
  ],
  ['no offsets', safetensorsFile({ a: tensor('F32', [2], undefined) }, eight), /data_offsets must be two/],
  [
    'overlapping tensors',
    safetensorsFile({ a: tensor('F32', [1], [0, 4]), b: tensor('BF16', [2], [2, 6]) }, eight),
    /overlap/,
  ],
  [
    'one range for two tensors',
    safetensorsFile({ a: tensor('F32', [2], [0, 8]), b: tensor('F32', [2], [0, 8]) }, eight),
    /overlap/,
  ],
])('refused: %s', async (_, file, message) => {
  await expect(read(file)).rejects.toThrow(
    expect.objectContaining({
      name: 'ModelError',
      code: 'bad-model',
      message: expect.stringMatching(message),
    }),
  )
})

test('a header length beyond the limit is refused before anything is read or allocated', async () => {
  const lengths: number[] = []
  const file = new Uint8Array(64)
  new DataView(file.buffer).setBigUint64(0, 2n ** 40n, true)
  const reader: RangeReader = {
    size: 2 ** 45,
    read: async (offset, length) => {
      lengths.push(length)
      return file.subarray(offset, offset + length)
    },
  }
  await expect(readSafetensorsHeader(reader, 'x')).rejects.toThrow(ModelError)
  expect(lengths).toEqual([8])
})

test('a good file cut anywhere or with any bytes changed gives tensors inside the file, or a ModelError', async () => {
  const good = safetensorsOf(smallTensors('F16').slice(0, 4))
  const changes = fc.array(fc.tuple(fc.nat(good.byteLength - 1), fc.nat(255)), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(fc.nat(good.byteLength), changes, async (length, edits) => {
      const file = good.slice(0, length)
      for (const [at, byte] of edits) if (at < length) file[at] = byte
      await expectInsideOrRefused(file)
    }),
    { numRuns: 2000 },
  )
})

test('any header gives tensors inside the file, or a ModelError', async () => {
  const number = fc.oneof(fc.nat(70), fc.integer(), fc.double(), fc.constantFrom(2 ** 53, 2 ** 32, -0, 1e308))
  const entry = fc.record(
    {
      dtype: fc.oneof(fc.constantFrom('F32', 'BF16', 'F16', 'I8', '__proto__', 'toString'), fc.anything()),
      shape: fc.oneof(fc.array(number), fc.anything()),
      data_offsets: fc.oneof(fc.tuple(number, number), fc.anything()),
    },
    { requiredKeys: [] },
  )
  const header = fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '__metadata__')),
    fc.oneof({ weight: 4, arbitrary: entry }, fc.jsonValue() as fc.Arbitrary<unknown>),
  )
  await fc.assert(
    fc.asyncProperty(header, async (value) =>
      expectInsideOrRefused(safetensorsFile(jsonable(value), new Uint8Array(64))),
    ),
    { numRuns: 600 },
  )
})

async function expectInsideOrRefused(file: Uint8Array): Promise<void> {
  try {
    const { tensors } = await read(file)
    for (const { offset, bytes } of tensors.values()) {
      if (!(offset >= 8 && bytes >= 0 && offset + bytes <= file.byteLength))
        throw new Error(`a tensor leaves the file: ${offset} + ${bytes}`)
    }
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
  }
}

/** JSON has no bigints or cycles; what cannot be written is no header. */
function jsonable(value: unknown): unknown {
  try {
    JSON.stringify(value)
    return value
  } catch (error) {
    if (error instanceof TypeError) return {}
    throw error
  }
}

function safetensorsBytes(header: string | Uint8Array): Uint8Array {
  const bytes = typeof header === 'string' ? utf8(header) : header
  const file = new Uint8Array(8 + bytes.byteLength)
  file[0] = bytes.byteLength
  file.set(bytes, 8)
  return file
}
