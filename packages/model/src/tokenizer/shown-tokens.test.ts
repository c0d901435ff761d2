import { join } from 'node:path'
import { expect, test } from 'vitest'
import { assetsOf, demoFolder } from '../testing/shared-data.ts'
import { createTokenizer } from './tokenizer.ts'

const demo = createTokenizer(assetsOf(join(demoFolder, 'model')))!

test('special tokens are left out of a stream, except those that its reader wants', () => {
  const ids = demo.encode('<|im_start|>hi<|im_end|>', { addSpecialTokens: false })
  const text = (shownTokens: readonly string[]): string => {
    const stream = demo.stream({ shownTokens })
    return ids.map((id) => stream.push(id)).join('') + stream.flush()
  }
  expect([text([]), text(['<|im_end|>'])]).toEqual(['hi', 'hi<|im_end|>'])
})
