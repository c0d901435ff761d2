import { ModelError } from '../error.ts'
import { limits } from '../limits.ts'
import type { TokenIndex } from './token-index.ts'
import { maskOf, type TokenMask } from './token-mask.ts'

/** Which tokens may follow. */
export interface ChoiceMatcher {
  /**
   * Tokens that may follow; end tokens are among them only where the answer is complete. A function of the answer so far, so
   * that a replay is constrained as the first time.
   * @param output ids of the answer so far
   */
  allowed(output: readonly number[]): TokenMask
}

/**
 * An answer that is one of `texts`, in any tokenisation of it.
 * @throws {ModelError} `bad-request` for too many or too long texts, or when the vocabulary cannot write one of them
 */
export function createChoiceMatcher(
  texts: readonly string[],
  index: TokenIndex,
  endTokenIds: readonly number[],
): ChoiceMatcher {
  checkTexts(texts)
  const choices = [...new Set(texts)].map((text) => {
    const choice = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('')
    return { choice, open: writablePositions(choice, index) }
  })
  const unwritable = choices.findIndex(({ open }) => open[0] !== true)
  if (unwritable >= 0)
    throw new ModelError(
      'bad-request',
      `the model's vocabulary has no tokens for the choice ${JSON.stringify([...new Set(texts)][unwritable])}`,
    )
  return {
    allowed(output) {
      const written = output.map((tokenId) => index.bytesOf(tokenId)).join('')
      const ids = new Set<number>()
      for (const { choice, open } of choices) {
        if (!choice.startsWith(written)) continue
        if (choice.length === written.length) for (const id of endTokenIds) ids.add(id)
        const longest = Math.min(choice.length, written.length + index.bytesMax)
        for (let end = written.length + 1; end <= longest; end++)
          if (open[end] === true) for (const id of index.idsOf(choice.slice(written.length, end))) ids.add(id)
      }
      return maskOf(ids, index.vocabularySize)
    },
  }
}

/** From which positions of a choice its rest can be written with whole tokens: others are never entered. */
function writablePositions(choice: string, index: TokenIndex): readonly boolean[] {
  const open = new Array<boolean>(choice.length + 1).fill(false)
  open[choice.length] = true
  for (let start = choice.length - 1; start >= 0; start--) {
    const longest = Math.min(choice.length, start + index.bytesMax)
    for (let end = start + 1; end <= longest && open[start] !== true; end++)
      open[start] = open[end] === true && index.idsOf(choice.slice(start, end)).length > 0
  }
  return open
}

function checkTexts(texts: readonly string[]): void {
  const { choiceTextsMax, choiceTextLengthMax } = limits
  if (texts.length === 0 || texts.length > choiceTextsMax)
    throw new ModelError(
      'bad-request',
      `a choice has from 1 to ${choiceTextsMax} texts, and this one has ${texts.length}`,
    )
  for (const text of texts)
    if (text === '' || text.length > choiceTextLengthMax || !text.isWellFormed())
      throw new ModelError(
        'bad-request',
        `a text of a choice has from 1 to ${choiceTextLengthMax} characters and no half of a surrogate pair`,
      )
}
