import { expect, test } from 'vitest'
import { frequenciesOf, inverseFrequencies } from './rope-frequencies.ts'
import { ropeTables } from './rope.ts'

const plain = { theta: 10_000, scaling: null }

test('each pair of channels turns slower than the one before', () => {
  expect([...inverseFrequencies(plain, 8)]).toEqual([1, 10_000 ** -0.25, 10_000 ** -0.5, 10_000 ** -0.75])
})

test('linear scaling slows every pair down', () => {
  expect([...inverseFrequencies({ theta: 10_000, scaling: { type: 'linear', factor: 4 } }, 4)]).toEqual([
    1 / 4,
    0.01 / 4,
  ])
})

test('llama3 scaling leaves short waves, slows long ones and blends between', () => {
  const scaling = {
    type: 'llama3',
    factor: 8,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalContextLength: 64,
  } as const
  const [first, , , last] = inverseFrequencies({ theta: 10_000, scaling }, 8)
  expect(first).toBe(1)
  expect(last).toBe(10_000 ** -0.75 / 8)
  const middle = { theta: (32 / (2 * Math.PI)) ** 2, scaling }
  // Pair 1 of head size 4 has wavelength 32: its share is (64/32 - 1) / (4 - 1) = 1/3.
  const frequency = (2 * Math.PI) / 32
  expect(inverseFrequencies(middle, 4)[1]).toBeCloseTo(((2 / 3) * frequency) / 8 + frequency / 3, 12)
})

test('yarn leaves pairs that turn often, slows those that do not by the factor, and scales both tables', () => {
  const scaling = {
    type: 'yarn',
    factor: 4,
    attentionFactor: 2,
    betaFast: 4,
    betaSlow: 1,
    originalContextLength: 64,
    truncate: true,
  } as const
  const rope = { theta: 10_000, scaling }
  const own = inverseFrequencies(plain, 8)
  // 64 positions turn pair 8·ln(64/8π)/(2·ln 10⁴) = 0.4 four times and pair 8·ln(64/2π)/(2·ln 10⁴) = 1.008 once.
  expect([...inverseFrequencies(rope, 8)]).toEqual([
    own[0],
    own[1]! / 8 + own[1]! / 2,
    own[2]! / 4,
    own[3]! / 4,
  ])
  expect(ropeTables({ rope, headSize: 8 }, 64)(1).cosines).toEqual(Float32Array.of(2, 2, 2, 2))
})

test('yarn with equal betas, as Kimi K2 has them, blends no pair: those up to the one that turns once stay', () => {
  const scaling = {
    type: 'yarn',
    factor: 32,
    attentionFactor: 1,
    betaFast: 1,
    betaSlow: 1,
    originalContextLength: 4096,
    truncate: true,
  } as const
  const own = inverseFrequencies({ theta: 50_000, scaling: null }, 64)
  // Pair 64·ln(4096/2π)/(2·ln 50,000) = 19.17 turns once.
  expect([...inverseFrequencies({ theta: 50_000, scaling }, 64)]).toEqual(
    [...own].map((frequency, pair) => (pair <= 19 ? frequency : frequency / 32)),
  )
})

test('tables hold cosine and sine of position times frequency', () => {
  const { cosines, sines } = ropeTables({ rope: plain, headSize: 4 }, 64)(3)
  expect([...cosines]).toEqual(
    [1, 1, Math.cos(1), Math.cos(0.01), Math.cos(2), Math.cos(0.02)].map(Math.fround),
  )
  expect([...sines]).toEqual(
    [0, 0, Math.sin(1), Math.sin(0.01), Math.sin(2), Math.sin(0.02)].map(Math.fround),
  )
})

test('dynamic scaling turns a position by the base of the length that it ends', () => {
  const scaling = { type: 'dynamic', factor: 2, originalContextLength: 4 } as const
  const at = frequenciesOf({ theta: 10_000, scaling }, 4, 64)
  expect([...at(3)]).toEqual([1, 0.01])
  // (2 · 6 / 4 - 1) ^ (4 / 2) = 4 times the base.
  expect([...at(5)]).toEqual([1, 40_000 ** -0.5])
})

test('LongRoPE has other factors for sessions that may leave the original context', () => {
  const scaling = {
    type: 'longrope',
    shortFactors: [1, 2],
    longFactors: [4, 8],
    attentionFactor: 3,
    originalContextLength: 16,
  } as const
  const rope = { theta: 10_000, scaling }
  expect([...inverseFrequencies(rope, 4, 16)]).toEqual([1, 0.005])
  expect([...inverseFrequencies(rope, 4, 17)]).toEqual([0.25, 0.00125])
  expect(ropeTables({ rope, headSize: 4 }, 16)(1).cosines).toEqual(Float32Array.of(3, 3))
})

test('a part of a head turns where the config says so, and queries may grow with their position', () => {
  const turning = { rope: { ...plain, dimensions: 2 }, headSize: 8 }
  expect([...ropeTables(turning, 64)(1, 2).cosines]).toEqual([Math.fround(Math.cos(2))])
  const growing = {
    rope: { ...plain, queryScale: { beta: 0.5, originalContextLength: 2 } },
    headSize: 2,
  }
  const scale = 1 + 0.5 * Math.log(2)
  expect([...ropeTables(growing, 64, 'queries')(1, 3).cosines]).toEqual([Math.fround(scale * Math.cos(3))])
  expect([...ropeTables(growing, 64)(1, 3).cosines]).toEqual([Math.fround(Math.cos(3))])
})
