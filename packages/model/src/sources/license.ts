import { readWhole, type ModelFiles } from './range-reader.ts'

/** Model cards of several megabytes exist; the field is in the first lines. */
const cardBytesMax = 1 << 16
const nameLengthMax = 100

/**
 * The licence that a model card names: the fields `license` and `license_name` in the YAML at the beginning of README.md
 * (https://huggingface.co/docs/hub/model-cards), as text, not checked against any list.
 *
 * @returns null without a card or without the field
 */
export async function licenseOfCard(files: ModelFiles, signal?: AbortSignal): Promise<string | null> {
  const card = await files.open('README.md')
  if (card === null) return null
  const bytes =
    card.size > cardBytesMax
      ? await card.read(0, cardBytesMax, signal)
      : await readWhole(card, cardBytesMax, 'README.md', signal)
  const text = new TextDecoder()
    .decode(bytes)
    .replace(/^\ufeff/, '')
    .replaceAll('\r\n', '\n')
  const [, front = ''] = /^---\n([\s\S]*?)\n---/.exec(text) ?? []
  const field = (name: string): string | null => {
    const [, value = ''] = new RegExp(`^${name}:[ \\t]*['"]?([^'"\\n#]*)`, 'm').exec(front) ?? []
    return printable(value)
  }
  const license = field('license')
  return license === 'other' ? (field('license_name') ?? license) : license
}

/** A licence's name for a terminal: no control characters, and not long. */
export function printable(name: string): string | null {
  const text = name.replaceAll(/\p{C}/gu, '').trim().slice(0, nameLengthMax)
  return text === '' ? null : text
}
