import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Tokenizer {
  pre_tokenizer: object
  readonly model: { readonly vocab: Record<string, number>; readonly merges: string[] }
}

/** Characters of the model's longest token. */
const longTokenCharacters = 200_000

/** The demo model as somebody else may have made it, in a folder. */
export interface StrangeModel {
  /** A prompt on which a pattern of the tokenizer computes without end. */
  readonly endlessPrompt: string
  /** A token whose text is very long. */
  readonly longToken: number
}

export function writeStrangeModel(folder: string): StrangeModel {
  cpSync(fileURLToPath(new URL('model', import.meta.resolve('@shoal/demo-model'))), folder, {
    recursive: true,
  })
  const change = (name: string, changed: (content: object) => object): void => {
    const path = join(folder, name)
    writeFileSync(path, JSON.stringify(changed(JSON.parse(readFileSync(path, 'utf8')) as object)))
  }
  const endless = `{% for a in range(9999) %}{% for b in range(9999) %}${'a'.repeat(200)}{% endfor %}{% endfor %}`
  change('tokenizer_config.json', (config) => ({ ...config, chat_template: endless }))
  const pattern = { Regex: String.raw`(a|a|aa)+(?=b)(?!b)` }
  const split = { type: 'Split', pattern, behavior: 'Isolated', invert: false }
  let longToken = 0
  change('tokenizer.json', (content) => {
    const tokenizer = content as Tokenizer
    const { vocab, merges } = tokenizer.model
    // The last merge makes the last token, which gets another text.
    const last = (merges.at(-1) ?? '').replace(' ', '')
    longToken = vocab[last] ?? 0
    const entries = Object.entries(vocab).filter(([text]) => text !== last)
    return {
      ...tokenizer,
      pre_tokenizer: { type: 'Sequence', pretokenizers: [split, tokenizer.pre_tokenizer] },
      model: {
        ...tokenizer.model,
        vocab: Object.fromEntries([...entries, ['x'.repeat(longTokenCharacters), longToken]]),
        merges: merges.slice(0, -1),
      },
    }
  })
  return { endlessPrompt: 'a'.repeat(60), longToken }
}
