import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../json-fields.ts'
import { sharedData } from '../testing/shared-data.ts'
import { TemplateFailure } from './failure.ts'
import { createTemplate } from './template.ts'

/** What Jinja2 makes: a text, the template's own refusal, or an error of Jinja2 or of Python. */
type Outcome = string | { readonly raises: string } | { readonly fails: true }

interface Vectors {
  readonly chats: Readonly<Record<string, JsonObject>>
  readonly special: JsonObject
  readonly wallMs: number
  readonly templates: readonly {
    readonly name: string
    readonly sha256: string
    readonly texts: Readonly<Record<string, Outcome>>
  }[]
  readonly snippetChat: string
  readonly snippets: readonly (readonly [template: string, outcome: Outcome])[]
}

const file = fileURLToPath(new URL('../testing/vectors/templates.json.gz', import.meta.url))
const vectors = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Vectors

function outcomes(template: string, chats: readonly string[]): Outcome[] {
  const outcome = (error: unknown): Outcome => {
    if (!(error instanceof TemplateFailure)) throw error
    return error.raised ? { raises: error.message } : { fails: true }
  }
  try {
    const parsed = createTemplate(template)
    return chats.map((chat) => {
      const variables = { tools: null, documents: null, add_generation_prompt: true, ...vectors.special }
      try {
        return parsed.render({ ...variables, ...vectors.chats[chat] }, () => vectors.wallMs)
      } catch (error) {
        return outcome(error)
      }
    })
  } catch (error) {
    return chats.map(() => outcome(error))
  }
}

test.each(vectors.snippets)('Jinja2 gives the same for %s', (snippet, expected) => {
  expect(outcomes(snippet, [vectors.snippetChat])).toEqual([expected])
})

test('the vectors hold texts of all 70 published templates', () => {
  const texts = vectors.templates.flatMap(({ texts: all }) => Object.values(all))
  expect([vectors.templates.length, texts.length]).toEqual([70, 986])
  expect(texts.filter((text) => typeof text === 'string').length).toBe(844)
})

const folder = join(sharedData, 'chat-templates')
describe.skipIf(!existsSync(folder))('a published template makes the prompts that Jinja2 makes', () => {
  test.each(vectors.templates)('$name', ({ name, sha256, texts }) => {
    const bytes = readFileSync(join(folder, `${name}.jinja`))
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
    const chats = Object.keys(texts)
    const rendered = outcomes(bytes.toString(), chats)
    expect(Object.fromEntries(chats.map((chat, index) => [chat, rendered[index]]))).toEqual(texts)
  })
})
