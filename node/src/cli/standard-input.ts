import { ShoalError } from '@shoal/host'

/** Longest prompt in bytes: more than any model's context holds as text. */
const promptBytesMax = 4 * 1024 * 1024

/**
 * A prompt that another program writes (`echo … | shoal generate`), without the line break at its end.
 * @returns undefined on a terminal, where nobody writes it, and for an empty input
 * @throws {ShoalError} `limit-exceeded` for a longer one than any model reads
 */
export async function readStandardInput(
  stdin: AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean },
): Promise<string | undefined> {
  if (stdin.isTTY === true) return undefined
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of stdin) {
    const chunk = Buffer.from(part)
    bytes += chunk.length
    if (bytes > promptBytesMax)
      throw new ShoalError('limit-exceeded', `the prompt has more than ${promptBytesMax} bytes`)
    parts.push(chunk)
  }
  const text = Buffer.concat(parts)
    .toString('utf8')
    .replace(/\r?\n$/, '')
  return text === '' ? undefined : text
}
