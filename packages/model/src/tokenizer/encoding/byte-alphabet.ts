/** The byte-to-character table of GPT-2 (`bytes_to_unicode`): each byte has a printable character. */
const characterOfByte: readonly string[] = makeTable()

/** The byte of each character of the table. */
export const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  characterOfByte.map((character, byte) => [character, byte]),
)

function makeTable(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++))
}

/** A text's UTF-8 bytes, each as its character. */
export function byteLevelText(text: string): string {
  let result = ''
  for (const byte of new TextEncoder().encode(text)) result += characterOfByte[byte] ?? ''
  return result
}
