import { ModelError } from '../../error.ts'

/** @throws {ModelError} `bad-model` */
export function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch (cause) {
    throw new ModelError('bad-model', 'the precompiled charsmap is not valid base 64', { cause })
  }
}

export function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}
