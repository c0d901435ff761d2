import { ModelError } from '../../error.ts'

/** A word's ids. */
export type WordEncoder = (word: string) => readonly number[]

export interface Vocabulary {
  /** Ids that ordinary text may become: all but those of special tokens. */
  readonly ids: ReadonlyMap<string, number>
  /** Ids of all tokens of the model. */
  readonly all: ReadonlyMap<string, number>
  /** Id of the token for text that has no token; null when such text is left out. */
  readonly unknownId: number | null
}

/** The ids of a text's bytes; null where the vocabulary lacks one. */
export function byteTokens({ all }: Vocabulary): (text: string) => readonly number[] | null {
  const ofByte = Array.from({ length: 256 }, (_, byte) =>
    all.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  )
  const encoder = new TextEncoder()
  return (text) => {
    const ids: number[] = []
    for (const byte of encoder.encode(text)) {
      const id = ofByte[byte]
      if (id === undefined) return null
      ids.push(id)
    }
    return ids
  }
}

/** @throws {ModelError} `bad-model` when the unknown token is not in the vocabulary */
export function idOfUnknown(all: ReadonlyMap<string, number>, token: unknown): number | null {
  if (typeof token !== 'string') return null
  const id = all.get(token)
  if (id === undefined)
    throw new ModelError('bad-model', `the unknown token ${token} is not in the vocabulary`)
  return id
}
