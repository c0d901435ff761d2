import { expect, test } from 'vitest'
import { chooseAlgorithm, predictedExchangeMs, type ExchangeCosts } from './cost-model.ts'
import { algorithms, type Algorithm } from './exchange.ts'

const lan: ExchangeCosts = { roundTripMs: 0.3, msPerByte: 1e-5, parallel: 64 }
const wan: ExchangeCosts = { roundTripMs: 20, msPerByte: 1e-4, parallel: 64 }
const oneMachine: ExchangeCosts = { roundTripMs: 0.08, msPerByte: 3e-6, parallel: 2 }

const choices: readonly (readonly [string, number, number, ExchangeCosts, Algorithm])[] = [
  ['one row between two machines: one latency', 2, 8192, lan, 'gather'],
  ['one row over a wide area', 4, 8192, wan, 'gather'],
  ['many rows over several machines: each link carries them twice', 8, 4 << 20, lan, 'ring'],
  ['four ranks on two cores: least work altogether', 4, 8192, oneMachine, 'star'],
]

test.each(choices)('%s', (_, ranks, bytes, costs, wanted) => {
  expect(chooseAlgorithm(ranks, bytes, costs)).toBe(wanted)
})

test('a sum costs more with more bytes and longer ways, and nothing for one rank', () => {
  for (const algorithm of algorithms) {
    const at = (ranks: number, bytes: number, costs: ExchangeCosts): number => predictedExchangeMs(algorithm, ranks, bytes, costs)
    expect(at(1, 8192, lan)).toBe(0)
    expect(at(2, 16_384, lan)).toBeGreaterThan(at(2, 8192, lan))
    expect(at(2, 8192, wan)).toBeGreaterThan(at(2, 8192, lan))
    expect(at(4, 1 << 20, lan)).toBeGreaterThan(at(2, 1 << 20, lan))
  }
})
