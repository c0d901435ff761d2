const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const
const bech32mConstant = 0x2bc830a3
const checksumLength = 6

/** BIP 350. */
function checksumOf(prefix: string, words: readonly number[]): readonly number[] {
  const codes = Array.from(prefix, (letter) => letter.charCodeAt(0))
  const all = [...codes.map((code) => code >>> 5), 0, ...codes.map((code) => code & 31), ...words]
  let sum = 1
  for (const word of [...all, 0, 0, 0, 0, 0, 0]) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ word
    for (const [bit, generator] of generators.entries()) if (((top >>> bit) & 1) === 1) sum ^= generator
  }
  return Array.from({ length: checksumLength }, (_, at) => ((sum ^ bech32mConstant) >>> (5 * (5 - at))) & 31)
}

/** A damaged code with a checksum that fits it; letters that no code has become others. Any other text as it is. */
export function withChecksum(code: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(code).toLowerCase()
  const separator = text.lastIndexOf('1')
  if (separator < 1) return code
  const prefix = text.slice(text.lastIndexOf('/') + 1, separator)
  const words = Array.from(
    text.slice(separator + 1, -checksumLength),
    (letter) => (alphabet.indexOf(letter) + alphabet.length) % alphabet.length,
  )
  const letters = [...words, ...checksumOf(prefix, words)].map((word) => alphabet[word])
  return new TextEncoder().encode(`${prefix}1${letters.join('')}`)
}
