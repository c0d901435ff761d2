import { parseProfile, type Manifest } from '@shoal/model'
import { expect, test } from 'vitest'
import { smallConfig } from '../../testing/small-model.ts'
import { computePlace } from './compute-place.ts'

const manifest = (hiddenSize: number): Manifest => ({
  version: 1,
  name: 'test',
  config: { ...smallConfig, hiddenSize, feedForwardSize: 4 * hiddenSize },
  profile: parseProfile('int4:32'),
  assets: [],
  tensors: [],
})

test.each([
  ['a small model', 512, undefined, false, 'thread'],
  ['a large model', 4096, undefined, false, 'process'],
  ['a large model, in groups', 4096, undefined, true, 'thread'],
  ['a small model, as asked', 512, 'process', false, 'process'],
  ['a large model, as asked', 4096, 'thread', false, 'thread'],
] as const)('a node computes %s in the right place', (_what, hiddenSize, asked, groups, place) => {
  expect(computePlace(manifest(hiddenSize), asked, groups)).toBe(place)
})
