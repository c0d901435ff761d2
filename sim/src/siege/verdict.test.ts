import { expect, test } from 'vitest'
import { paceRatio, rowOf, violationsOf, type SiegeFigures } from './verdict.ts'

const calm: SiegeFigures = {
  attack: 'prefills',
  seconds: 60,
  sentBytes: 1024 * 1024,
  addedMiB: 64,
  busy: { attacked: 0.9, calm: 0.3 },
  pace: { attacked: 40, calm: 50 },
  stallMs: { attacked: 300, calm: 100 },
  answers: 12,
  wrong: [],
  shutOut: [],
  alive: true,
  counts: { rows: 512 },
}

test('an attack at the limits of memory and pace has achieved nothing', () => {
  expect(paceRatio(calm)).toBe(0.8)
  expect(violationsOf(calm)).toEqual([])
  expect(rowOf(calm)).toBe(
    'prefills           | 60 s | 1.0 MiB sent | +64 MiB | cpu 0.30 → 0.90 | pace × 0.80 | stall 100 → 300 ms | 12 answers, 0 wrong | 0 shut out | alive | rows 512',
  )
})

test('each promise that an attack breaks is named', () => {
  expect(
    violationsOf({
      ...calm,
      addedMiB: 65,
      pace: { attacked: 39, calm: 50 },
      wrong: ['lost: no-route'],
      shutOut: ['a newcomer was refused'],
      alive: false,
    }),
  ).toEqual([
    'prefills: the target is dead',
    'prefills: honest answers came at 0.78 of their pace',
    'prefills: 65 MiB more memory',
    'prefills: lost: no-route',
    'prefills: a newcomer was refused',
  ])
})

test('answers that do not come at all have no pace', () => {
  expect(paceRatio({ ...calm, pace: { attacked: 0, calm: 0 } })).toBe(0)
})
