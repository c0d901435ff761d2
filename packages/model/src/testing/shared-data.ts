import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isAssetName } from '../manifest/assets.ts'

/** Published tokenizers and templates that tests read but the repository does not hold. */
export const sharedData =
  process.env['SHOAL_TEST_DATA'] ?? fileURLToPath(new URL('../../../../../shared/data', import.meta.url))

/** Put into the names of tests that need it. */
export const sharedDataMissing = existsSync(join(sharedData, 'tokenizers'))
  ? null
  : `no test data in ${sharedData}: set SHOAL_TEST_DATA`

/** The assets of a model folder. */
export function assetsOf(folder: string): Map<string, Uint8Array> {
  return new Map(
    readdirSync(folder)
      .filter(isAssetName)
      .map((name): [string, Uint8Array] => [name, new Uint8Array(readFileSync(join(folder, name)))]),
  )
}

export const demoFolder = fileURLToPath(new URL('../../../demo-model', import.meta.url))
