import type { Random } from '@shoal/host'

/** Longest input: a header's limit and room behind it. Longer frames only have longer payloads. */
const inputBytesMax = 96 * 1024

/** Pieces of CBOR and of frame heads that decoders stumble over: sizes that are not there, deep and endless values. */
export const pieces: readonly Uint8Array[] = [
  '9bffffffffffffffff',
  '5bffffffffffffffff',
  '7b0fffffffffffffff',
  'bb00000000ffffffff',
  '1bffffffffffffffff',
  '3bffffffffffffffff',
  '5a7fffffff',
  '7a7fffffff',
  '9a7fffffff',
  'ba7fffffff',
  '9fff',
  'bfff',
  '5f41004100ff',
  'c2',
  'd9d9f7',
  'f97e00',
  'fb7ff0000000000000',
  'fb7fefffffffffffff',
  'f7',
  'a1695f5f70726f746f5f5f01',
  '7f61ff',
  '00ffffff',
  'ffffffff',
  '0000ffff',
].map((hex) => new Uint8Array(Buffer.from(hex, 'hex')))

export const joined = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts)).slice(0, inputBytesMax)

/** A whole number below `end`. */
export const below = (random: Random, end: number): number => (end <= 0 ? 0 : random.uint32() % end)

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array

const mutations: readonly Mutation[] = [
  // One bit, or one byte.
  (bytes, random) => changed(bytes, below(random, bytes.length), (byte) => byte ^ (1 << below(random, 8))),
  (bytes, random) => changed(bytes, below(random, bytes.length), () => below(random, 256)),
  // Cut off, or longer than it says.
  (bytes, random) => bytes.slice(0, below(random, bytes.length)),
  (bytes, random) => joined(bytes, random.bytes(below(random, 64))),
  // The beginning of one frame with the end of another.
  (bytes, random, other) =>
    joined(bytes.subarray(0, below(random, bytes.length)), other.subarray(below(random, other.length))),
  // Another type with this header, and this type with another header.
  (bytes, random, other) => changed(bytes, 0, () => other[0] ?? 0),
  // A part that is there twice.
  (bytes, random) => {
    const [from, at] = [below(random, bytes.length), below(random, bytes.length)]
    const part = bytes.subarray(from, from + below(random, 32))
    return joined(bytes.subarray(0, at), part, bytes.subarray(at))
  },
  // A dangerous piece in the place of others, or between them.
  (bytes, random) => {
    const piece = pieces[below(random, pieces.length)] ?? bytes
    const at = below(random, bytes.length)
    const replaced = below(random, 2) === 0 ? 0 : piece.length
    return joined(bytes.subarray(0, at), piece, bytes.subarray(at + replaced))
  },
  // Lists or maps within each other.
  (bytes, random) => {
    const at = below(random, bytes.length)
    const opener = [0x81, 0xa1, 0x9f, 0xd8][below(random, 4)] ?? 0x81
    return joined(
      bytes.subarray(0, at),
      new Uint8Array(1 + below(random, 1000)).fill(opener),
      bytes.subarray(at),
    )
  },
]

/** One change of bytes, whatever they mean. */
export function mutateBytes(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const mutation = mutations[below(random, mutations.length)]
  return mutation === undefined ? bytes : mutation(bytes, random, other)
}

function changed(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice()
  if (at < copy.length) copy[at] = change(copy[at] ?? 0)
  return copy
}
