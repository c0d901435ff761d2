import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { identifyManifest, manifestVersion, packedTensors, parseProfile, type Manifest } from '@shoal/model'
import type { CollectedSums } from '@shoal/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { removeEarlierPackings } from './earlier-packings.ts'
import { packReference, packingName } from './local-manifest.ts'
import { openReference } from './reference.ts'

let models: string
beforeEach(() => {
  models = mkdtempSync(join(tmpdir(), 'shoal-earlier-'))
})
afterEach(() => rmSync(models, { recursive: true, force: true }))

function packed(key: string, id: string, version: number): void {
  mkdirSync(join(models, id))
  // Of a manifest of another version nothing but its version can be read.
  const manifest = { version, name: 'demo' } as unknown as Manifest
  writeFileSync(join(models, id, 'manifest.cbor'), identifyManifest(manifest).bytes)
  writeFileSync(join(models, id, 'embed.bin'), 'weights')
  writeFileSync(join(models, `${key}.id`), id)
}

const [old, current, other, later] = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(64)) as [
  string,
  string,
  string,
  string,
]

test('what an earlier release packed of this model is removed with a sentence, and nothing else', async () => {
  packed('demo.abc.int4-32', old, 1)
  packed('demo.abc.v2.int8-32', current, manifestVersion)
  packed('demo.abcd.int4-32', other, 1)
  packed('demo.abc.v9.int4-32', later, manifestVersion + 1)
  writeFileSync(join(models, 'demo.abc.f32.id'), '../../elsewhere')
  const said: unknown[] = []
  const logger = {
    ...silentLogger,
    warn: (event: string, fields: unknown) => void said.push([event, fields]),
  }
  await removeEarlierPackings({ models, model: 'demo.abc', ref: './demo', logger })
  expect(said).toEqual([
    [
      'packed-by-earlier-release',
      {
        folder: join(models, old),
        reason: expect.stringMatching(/packed \.\/demo as int4:32,.*packed again/) as unknown,
      },
    ],
  ])
  expect(existsSync(join(models, old))).toBe(false)
  expect(
    readdirSync(models)
      .filter((name) => name.endsWith('.id'))
      .sort(),
  ).toEqual(['demo.abc.f32.id', 'demo.abc.v2.int8-32.id', 'demo.abc.v9.int4-32.id', 'demo.abcd.int4-32.id'])
})

test('weights that were calibrated in another way are packed again, once, and theirs stay', async () => {
  const reference = await openReference('demo-draft')
  const { config } = reference.source
  const sums: CollectedSums = new Map(
    packedTensors(config, parseProfile('f32'))
      .filter(({ shape }) => shape.length === 2)
      .map(({ name, shape }) => [name.replace('.weight', ''), unrelatedInputs(shape[1] ?? 0)]),
  )
  const usual = parseProfile('int4:128')
  const profile = { ...usual, rounding: 'calibrated' } as const
  let calibrations = 0
  const pack = async (): Promise<string> => {
    const folder = await packReference(reference, profile, {
      dataFolder: models,
      calibrate: () => {
        calibrations += 1
        return Promise.resolve(sums)
      },
    })
    await folder.close()
    return folder.manifest.id
  }
  // Another packing of the model stands for the older one.
  const older = await packReference(reference, usual, { dataFolder: models })
  await older.close()
  writeFileSync(
    join(
      models,
      'models',
      `${reference.source.name}.${reference.fingerprint.slice(0, 32)}.v${manifestVersion}.int4-128+calibrated.id`,
    ),
    older.manifest.id,
  )
  const [first, second] = [await pack(), await pack()]
  await reference.source.close()
  expect(calibrations).toBe(1)
  expect(second).toBe(first)
  expect(first).not.toBe(older.manifest.id)
  expect(existsSync(older.path)).toBe(true)
})

test('only calibrated packings have a version of their own in their names', () => {
  expect(packingName(parseProfile('int4:128'))).toBe('int4-128')
  expect(packingName(parseProfile('int4:128+calibrated'))).toMatch(/^int4-128\+calibrated\.c\d+$/)
})

/** Sums for inputs without correlations, for each group of 128 columns. */
function unrelatedInputs(columns: number): Float64Array[] {
  return Array.from({ length: Math.ceil(columns / 128) }, () =>
    Float64Array.from({ length: 128 * 128 }, (_, at) => (at % 129 === 0 ? 1 : 0)),
  )
}
