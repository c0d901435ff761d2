import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { identifyManifest, manifestVersion, type Manifest } from '@shoal/model'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { removeEarlierPackings } from './earlier-packings.ts'

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
