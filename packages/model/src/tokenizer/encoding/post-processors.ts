import { ModelError } from '../../error.ts'
import { asObject, checkInteger, fieldOf, show, type JsonObject } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import { listOf, textOf } from './normalizers.ts'

/** Ids that are put before and after those of a text. */
export interface Surroundings {
  readonly before: readonly number[]
  readonly behind: readonly number[]
}

const nothing: Surroundings = { before: [], behind: [] }

/**
 * The post_processor section of a tokenizer.json, as far as it concerns one text.
 * @throws {ModelError} `unsupported-model` for an unknown type, `bad-model`
 */
export function readSurroundings(section: unknown): Surroundings {
  if (section === null || section === undefined) return nothing
  const object = asObject(section, 'the post-processor of tokenizer.json')
  const type = fieldOf(object, 'type')
  switch (type) {
    case 'ByteLevel':
      return nothing
    case 'Sequence':
      return listOf(object, 'processors')
        .map(readSurroundings)
        .reduce(
          ({ before, behind }, outer) => ({
            before: [...outer.before, ...before],
            behind: [...behind, ...outer.behind],
          }),
          nothing,
        )
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { before: [idBeside(object, 'cls')], behind: [idBeside(object, 'sep')] }
    case 'TemplateProcessing':
      return ofTemplate(object)
    default:
      throw new ModelError('unsupported-model', `the post-processor ${show(type)} is not supported`)
  }
}

/** A pair of text and id. */
function idBeside(section: JsonObject, key: string): number {
  return tokenId(listOf(section, key)[1])
}

function tokenId(value: unknown): number {
  return checkInteger(value, 'the id of a special token', 0, limits.vocabularySizeMax)
}

function ofTemplate(section: JsonObject): Surroundings {
  const special = asObject(fieldOf(section, 'special_tokens'), 'special_tokens of the post-processor')
  const [before, behind]: [number[], number[]] = [[], []]
  let texts = 0
  for (const item of listOf(section, 'single')) {
    const object = asObject(item, 'a part of the post-processor')
    if (fieldOf(object, 'Sequence') !== undefined) {
      texts += 1
      continue
    }
    const name = textOf(asObject(fieldOf(object, 'SpecialToken'), 'a part of the post-processor'), 'id')
    const token = asObject(fieldOf(special, name), `the special token ${show(name)}`)
    const side = texts === 0 ? before : behind
    side.push(...listOf(token, 'ids').map(tokenId))
  }
  if (texts !== 1)
    throw new ModelError('unsupported-model', `the post-processor has the text ${texts} times, not once`)
  return { before, behind }
}
