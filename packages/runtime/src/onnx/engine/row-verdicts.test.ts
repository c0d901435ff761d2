import { blockSpec } from '@shoal/model'
import { expect, test } from 'vitest'
import { smallLlama } from '../../testing/random-model.ts'
import type { RowPadding } from '../computers/row-padding.ts'
import { createRowVerdicts } from './row-verdicts.ts'

const full = blockSpec(smallLlama, 0)
const windowed = blockSpec({ ...smallLlama, slidingWindow: 16 }, 0)

test('each kind of block is probed once, wherever it occurs', () => {
  const verdicts = createRowVerdicts()
  const probed: number[] = []
  const probe = (_: unknown, index: number): RowPadding => {
    probed.push(index)
    return 'none'
  }
  verdicts.find([full, windowed, full, windowed], probe)
  verdicts.find([windowed], probe)
  expect(probed).toEqual([0, 1])
})

test('blocks keep verdicts of their own, and a span has the strongest', () => {
  const verdicts = createRowVerdicts()
  verdicts.find([full, windowed], (_, index) => (index === 0 ? 'none' : 'one-becomes-two'))
  expect([verdicts.paddingOf(full), verdicts.paddingOf(windowed)]).toEqual(['none', 'one-becomes-two'])
  expect([verdicts.over([full]), verdicts.over([full, windowed])]).toEqual(['none', 'one-becomes-two'])
})

test('a span in which one block depends on the grouping of rows promises nothing', () => {
  const verdicts = createRowVerdicts()
  verdicts.find([full, windowed], (_, index) => (index === 0 ? null : 'none'))
  expect(verdicts.over([windowed, full])).toBeNull()
  expect(verdicts.paddingOf(full)).toBe('even')
})
