import { manifestVersion } from '../../manifest/manifest.ts'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { identifyManifest } from '../../manifest/identify-manifest.ts'
import { parseConfig } from '../../families/parse-config.ts'
import { smallConfigJson } from '../../testing/small-model.ts'
import { parseProfile } from '../profile.ts'
import { createUnitHandles } from './unit-handles.ts'

const folder = mkdtempSync(join(tmpdir(), 'shoal-handles-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a unit whose file could not be opened once is opened at the next attempt', async () => {
  const manifest = identifyManifest({
    version: manifestVersion,
    name: 'small',
    config: parseConfig(smallConfigJson),
    profile: parseProfile('f32'),
    assets: [],
    tensors: [],
  })
  const handles = createUnitHandles(folder, manifest)
  const { path, bytes } = handles.file('block-0')
  writeFileSync(path, new Uint8Array(bytes))
  await handles.refresh(['block-0'])
  // Stands for a process with too many open files: the error is another one, and passes as well.
  renameSync(path, `${path}.away`)
  await expect(handles.open('block-0')).rejects.toMatchObject({ code: 'ENOENT' })
  renameSync(`${path}.away`, path)
  expect((await (await handles.open('block-0')).stat()).size).toBe(bytes)
  await handles.closeAll()
})

test('closing a unit whose file could not be opened is no error', async () => {
  const handles = createUnitHandles(
    folder,
    identifyManifest({
      version: manifestVersion,
      name: 'small',
      config: parseConfig(smallConfigJson),
      profile: parseProfile('f32'),
      assets: [],
      tensors: [],
    }),
  )
  await handles.refresh(['block-0'])
  const { path } = handles.file('block-0')
  renameSync(path, `${path}.away`)
  const opening = handles.open('block-0')
  await Promise.all([expect(opening).rejects.toMatchObject({ code: 'ENOENT' }), handles.close('block-0')])
})
