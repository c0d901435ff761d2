import { fileURLToPath } from 'node:url'
import { formatProfile, parseProfile, type NumericProfile } from '@shoal/model'
import { expect, test } from 'vitest'
import { checkProfileWish, chooseProfile } from './choose-profile.ts'
import { openReference } from '../reference.ts'

const file = fileURLToPath(new URL('../../../../../test/gguf/stories260K-Q4_0.gguf', import.meta.url))

async function chosen(ref: string, weights?: string, kv?: string): Promise<NumericProfile> {
  const reference = await openReference(ref)
  try {
    return await chooseProfile(reference, { weights, kv })
  } finally {
    await reference.source.close()
  }
}

test('gguf takes the formats of a file, and is refused for a model of floats', async () => {
  const profile = await chosen(file, 'gguf')
  expect(formatProfile(profile)).toMatch(/^gguf-[0-9a-f]{8}$/)
  expect(profile.matrices?.['block-0.qkv']).toEqual(parseProfile('int4:32').formats.attention)
  expect(formatProfile(await chosen(file))).toBe('int4:32+head-int8:32')
  await expect(chosen('demo', 'gguf')).rejects.toThrow(
    /keeps the blocks of a quantised GGUF file, and the weights of demo are floats; use --weights int4:128/,
  )
})

test.each<[string | undefined, string | undefined, string | null]>([
  [undefined, undefined, null],
  ['gguf', undefined, null],
  ['gguf', 'int8', 'gguf-'],
  ['int4:32', undefined, 'int4:32'],
])(
  'a swarm with the formats of a file, asked for %s and cache %s, differs as %s',
  async (weights, kv, differs) => {
    const profile = await chosen(file, 'gguf')
    const check = (): void => checkProfileWish({ weights, kv }, 'stories', profile)
    if (differs === null) expect(check).not.toThrow()
    else
      expect(check).toThrow(
        new RegExp(`^${differs}.* is asked for .*but the swarm serves stories with gguf-`),
      )
  },
)

test('a swarm whose profile has the name that is asked for is taken, and gguf is not a float profile', async () => {
  const profile = await chosen(file, 'gguf')
  expect(() => checkProfileWish({ weights: formatProfile(profile) }, 'stories', profile)).not.toThrow()
  expect(() => checkProfileWish({ weights: 'gguf' }, 'demo', parseProfile('f32'))).toThrow(
    /gguf is asked for \(--weights\), but the swarm serves demo with f32/,
  )
})
