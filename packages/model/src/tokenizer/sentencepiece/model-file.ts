import { ModelError } from '../../error.ts'
import { limits } from '../../limits.ts'
import { pieceTypes, type Pieces } from './piece-types.ts'
import { protobufFields } from './protobuf.ts'

/** What a `tokenizer.model` says (`sentencepiece_model.proto`). */
export interface SentencePieceModel extends Pieces {
  /** 1 is Unigram, 2 is byte-pair encoding. */
  readonly modelType: number
  readonly byteFallback: boolean
  readonly beginningId: number
  readonly endId: number
  readonly charsmap: Uint8Array
  readonly spaceBefore: boolean
  readonly mergesSpaces: boolean
  readonly spaceBehind: boolean
}

/** @throws {ModelError} `bad-model` */
export function readSentencePieceModel(bytes: Uint8Array): SentencePieceModel {
  const tokens: string[] = []
  const types: number[] = []
  const scores: number[] = []
  let trainer: Fields = noFields
  let normalizer: Fields = noFields
  for (const field of protobufFields(bytes)) {
    if (field.kind !== 'bytes') continue
    if (field.number === 1) {
      const piece = fieldsOf(field.value)
      if (tokens.length >= limits.vocabularySizeMax)
        throw new ModelError('bad-model', `tokenizer.model has more than ${limits.vocabularySizeMax} pieces`)
      tokens.push(utf8.decode(piece.bytes.get(1) ?? empty))
      scores.push(piece.numbers.get(2) ?? 0)
      types.push(piece.numbers.get(3) ?? pieceTypes.normal)
    } else if (field.number === 2) trainer = fieldsOf(field.value)
    else if (field.number === 3) normalizer = fieldsOf(field.value)
  }
  if (tokens.length === 0) throw new ModelError('bad-model', 'tokenizer.model has no pieces')
  const flag = (fields: Fields, number: number, byDefault: boolean): boolean =>
    (fields.numbers.get(number) ?? Number(byDefault)) !== 0
  return {
    tokens,
    types,
    scores,
    modelType: trainer.numbers.get(3) ?? 1,
    byteFallback: flag(trainer, 35, false),
    beginningId: trainer.numbers.get(41) ?? 1,
    endId: trainer.numbers.get(42) ?? 2,
    charsmap: normalizer.bytes.get(2) ?? empty,
    spaceBefore: flag(normalizer, 3, true),
    mergesSpaces: flag(normalizer, 4, true),
    spaceBehind: flag(trainer, 24, false),
  }
}

/** The last value of each field. */
interface Fields {
  readonly numbers: ReadonlyMap<number, number>
  readonly bytes: ReadonlyMap<number, Uint8Array>
}

const noFields: Fields = { numbers: new Map(), bytes: new Map() }
const empty = new Uint8Array()
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

function fieldsOf(message: Uint8Array): Fields {
  const numbers = new Map<number, number>()
  const bytes = new Map<number, Uint8Array>()
  for (const field of protobufFields(message)) {
    if (field.kind === 'bytes') bytes.set(field.number, field.value)
    else numbers.set(field.number, field.value)
  }
  return { numbers, bytes }
}
