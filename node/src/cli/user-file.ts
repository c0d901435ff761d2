import { readFileSync } from 'node:fs'

/**
 * The text of a file that a user has written. Editors of Windows begin UTF-8 with a byte order mark, and PowerShell 5
 * redirects output as UTF-16; the text is returned without the mark in both cases.
 */
export function readUserFile(path: string): string {
  return textOf(readFileSync(path))
}

/** The text of the bytes, without a byte order mark. */
export function textOf(bytes: Uint8Array): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8'
  return new TextDecoder(encoding).decode(bytes)
}
