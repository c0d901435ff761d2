import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ModelError } from '../error.ts'
import { sharedData, sharedDataMissing } from '../testing/shared-data.ts'
import { parseConfig } from './parse-config.ts'

const folder = join(sharedData, 'configs')
const page = new URL('../../../../docs/models.md', import.meta.url)

/** What becomes of a config, in one line. */
function verdictOf(config: unknown): string {
  try {
    const { family, blockCount, contextLength } = parseConfig(config)
    return `read as ${family}: ${blockCount} blocks, context ${contextLength}`
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    return `refused: ${error.message.replace(/; these are: .*/, '')}`
  }
}

test.skipIf(sharedDataMissing !== null)(
  `every published config is read, or refused with the feature named, as docs/models.md says${sharedDataMissing === null ? '' : ` (${sharedDataMissing})`}`,
  () => {
    const rows = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => ({ name, json: JSON.parse(readFileSync(join(folder, name), 'utf8')) as object }))
      .filter(({ json }) => 'model_type' in json)
      .map(({ name, json }) => `| ${name.replace('.json', '').replace('--', '/')} | ${verdictOf(json)} |`)
    expect(rows.length).toBeGreaterThan(40)
    expect(readFileSync(page, 'utf8')).toContain(['| config | result |', '|---|---|', ...rows].join('\n'))
  },
)
