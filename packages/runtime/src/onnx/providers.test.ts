import { expect, test } from 'vitest'
import { computeProviders } from './providers.ts'

test('onnxruntime names its providers; the CPU is always among them and is the one in use', () => {
  const providers = computeProviders()
  expect(providers).toContainEqual({ name: 'cpu', bundled: true, used: true })
  expect(providers.filter(({ used }) => used)).toHaveLength(1)
  expect(new Set(providers.map(({ name }) => name)).size).toBe(providers.length)
})
