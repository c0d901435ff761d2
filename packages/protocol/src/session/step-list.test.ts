import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeSteps, encodeSteps, type SentStep } from '../index.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('a step takes sixteen bytes', () => {
  const steps: SentStep[] = [
    { step: 3, position: 10, rows: 128, want: 'none' },
    { step: 4, position: 138, rows: 1, want: 'last' },
  ]
  const golden = '030000000a0000008000000000000000040000008a0000000100000001000000'
  expect(hex(encodeSteps(steps))).toBe(golden)
  expect(decodeSteps(new Uint8Array(Buffer.from(golden, 'hex')))).toEqual(steps)
})

test('contiguous steps are decoded as they were encoded', () => {
  const gaps = fc.array(
    fc.record({
      gap: fc.integer({ min: 1, max: 9 }),
      rows: fc.integer({ min: 1, max: 512 }),
      want: fc.constantFrom('none' as const, 'last' as const, 'all' as const),
    }),
  )
  fc.assert(
    fc.property(fc.nat(1000), gaps, (from, list) => {
      let step = 0
      let position = from
      const steps = list.map(({ gap, rows, want }) => {
        const entry = { step: (step += gap), position, rows, want }
        position += rows
        return entry
      })
      expect(decodeSteps(encodeSteps(steps))).toEqual(steps)
    }),
  )
})

test.each<[string, readonly SentStep[]]>([
  ['a step without rows', [{ step: 0, position: 0, rows: 0, want: 'none' }]],
  [
    'a gap between two steps',
    [
      { step: 0, position: 0, rows: 2, want: 'none' },
      { step: 1, position: 3, rows: 1, want: 'none' },
    ],
  ],
  [
    'an overlap of two steps',
    [
      { step: 0, position: 0, rows: 2, want: 'none' },
      { step: 1, position: 1, rows: 1, want: 'none' },
    ],
  ],
  [
    'a repeated step number',
    [
      { step: 1, position: 0, rows: 2, want: 'none' },
      { step: 1, position: 2, rows: 1, want: 'none' },
    ],
  ],
])('%s is refused', (_, steps) => {
  expect(() => decodeSteps(encodeSteps(steps))).toThrow(expect.objectContaining({ code: 'bad-frame' }))
})

test('a truncated step and an unknown want are refused', () => {
  expect(() => decodeSteps(new Uint8Array(15))).toThrow('15 bytes are not steps')
  const bytes = encodeSteps([{ step: 0, position: 0, rows: 1, want: 'all' }])
  bytes[12] = 3
  expect(() => decodeSteps(bytes)).toThrow(expect.objectContaining({ code: 'bad-frame' }))
})
