/** Python counts characters, JavaScript counts UTF-16 units; they differ only where there are surrogates. */
const surrogates = /[\uD800-\uDFFF]/

export function charactersOf(text: string): readonly string[] {
  return surrogates.test(text) ? Array.from(text) : text.split('')
}

export function lengthOf(text: string): number {
  return surrogates.test(text) ? Array.from(text).length : text.length
}

/** What Python takes for white space, as a class for regular expressions. */
const space = String.raw`\t-\r\u001C-\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000`
const spaces = new RegExp(`[${space}]+`, 'u')
const spacesOnly = new RegExp(`^[${space}]+$`, 'u')

/** The words between white space, as `str.split()` gives them. */
export function wordsOf(text: string): string[] {
  return text.split(spaces).filter((word) => word !== '')
}

export function isSpaces(text: string): boolean {
  return spacesOnly.test(text)
}

/** `str.strip(characters)` at the given sides; null strips white space. */
export function stripped(
  text: string,
  characters: string | null,
  sides: { left: boolean; right: boolean },
): string {
  const set = characters === null ? null : new Set(charactersOf(characters))
  const all = charactersOf(text)
  const strips = (character: string): boolean => (set === null ? isSpaces(character) : set.has(character))
  let [start, end] = [0, all.length]
  if (sides.left) while (start < end && strips(all[start] ?? '')) start++
  if (sides.right) while (end > start && strips(all[end - 1] ?? '')) end--
  return start === 0 && end === all.length ? text : all.slice(start, end).join('')
}

const lineEnds = new RegExp(String.raw`\r\n|[\n\r\v\f\u001C-\u001E\u0085\u2028\u2029]`)

/** `str.splitlines()` */
export function linesOf(text: string): string[] {
  const lines = text.split(lineEnds)
  if (lines.at(-1) === '') lines.pop()
  return lines
}
