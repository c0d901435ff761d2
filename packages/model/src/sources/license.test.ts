import { expect, test } from 'vitest'
import { utf8 } from '../testing/small-model.ts'
import { licenseOfCard } from './license.ts'
import { memoryFiles } from './range-reader.ts'

const licenseOf = (card: string | null) =>
  licenseOfCard(memoryFiles('model', new Map(card === null ? [] : [['README.md', utf8(card)]])))

test.each<[string, string | null, string | null]>([
  ['the field', '---\nlicense: apache-2.0\n---\n# A model', 'apache-2.0'],
  ['a card written on Windows, with quotes', '\ufeff---\r\ntags: [x]\r\nlicense: "mit"\r\n---\r\n', 'mit'],
  ['a name of its own', '---\nlicense: other\nlicense_name: tongyi-qianwen\n---\n', 'tongyi-qianwen'],
  ['other, without a name', '---\nlicense: other\n---\n', 'other'],
  ['no field', '---\ntags: []\n---\nlicense: mit', null],
  ['no YAML', '# A model\nlicense: mit\n', null],
  ['no card', null, null],
  ['control characters', '---\nlicense: mi\u001b[31mt\n---\n', 'mi[31mt'],
])('the licence of a card with %s', async (_, card, expected) => {
  expect(await licenseOf(card)).toBe(expected)
})

test('of a long card only the beginning is read', async () => {
  expect(await licenseOf(`---\nlicense: mit\n---\n${'x'.repeat(200_000)}`)).toBe('mit')
})
