import { expect, test } from 'vitest'
import { addedMiB, rowOf, violationsOf, type SiegeFigures } from './verdict.ts'
import { paceRatio, rawPaceRatio, takenPerSecond, windowsOf, WindowTally } from './windows.ts'

function tally(figures: Partial<WindowTally>): WindowTally {
  return Object.assign(new WindowTally(), { seconds: 4 }, figures)
}

const calm = (tokens: number, residentMiB = 200): WindowTally =>
  tally({ tokens, residentMiB: [residentMiB], cpuSeconds: 1.2, loopSeconds: 0.6, stallMs: 100 })
const attacked = (tokens: number, residentMiB = 264): WindowTally =>
  tally({
    tokens,
    residentMiB: [residentMiB],
    cpuSeconds: 3.6,
    loopSeconds: 1.8,
    stallMs: 300,
    sentBytes: 8192,
    attackerSeconds: 2,
  })

const harmless: SiegeFigures = {
  attack: 'prefills',
  windows: {
    calm: [calm(200), calm(200), calm(100), calm(100)],
    attacked: [attacked(160), attacked(150), attacked(20)],
    loaded: [calm(200), calm(180), calm(100)],
  },
  answers: 12,
  wrong: [],
  shutOut: [],
  alive: true,
  counts: { rows: 512 },
}

test('an attack at the limits of memory and pace has achieved nothing', () => {
  expect(paceRatio(harmless.windows)).toBe(0.8)
  expect(addedMiB(harmless.windows)).toBe(64)
  expect(violationsOf(harmless)).toEqual([])
  expect(rowOf(harmless)).toBe(
    'prefills           | 12 s | attacker: 2 KiB/s, cpu 0.50 | taken: +64 MiB, cpu 0.69 (event loop 0.34) | tokens/s calm 38, attacked 28, loaded 40 | pace 0.80 (beside calm 0.80) | stall 100 → 300 ms | 12 answers, 0 wrong | 0 shut out | alive | rows 43/s',
  )
})

test('each promise that an attack breaks is named', () => {
  expect(
    violationsOf({
      ...harmless,
      windows: { calm: [calm(100), calm(100)], attacked: [attacked(79, 266)], loaded: [calm(100)] },
      wrong: ['lost: no-route'],
      shutOut: ['a newcomer was refused'],
      alive: false,
    }),
  ).toEqual([
    'prefills: the target is dead',
    'prefills: honest answers came at 0.79 of their pace',
    'prefills: 66 MiB more memory',
    'prefills: lost: no-route',
    'prefills: a newcomer was refused',
  ])
})

test('all attacks together may cost more of the pace, and nothing else', () => {
  const windows = { calm: [calm(100), calm(100)], attacked: [attacked(20, 266)], loaded: [calm(100)] }
  expect(violationsOf({ ...harmless, windows, attack: 'all' })).toEqual(['all: 66 MiB more memory'])
})

test('answers that do not come at all have no pace', () => {
  expect(paceRatio({ calm: [calm(0), calm(0)], attacked: [attacked(0)], loaded: [calm(0)] })).toBe(0)
})

test('each attacked window is compared with the loaded one behind it, or with the calm ones around it', () => {
  const slower = {
    calm: [calm(200), calm(100), calm(50)],
    attacked: [attacked(75), attacked(60)],
    loaded: [calm(100), calm(60)],
  }
  expect(paceRatio(slower)).toBe(0.875)
  expect(rawPaceRatio(slower)).toBe(0.65)
})

test('what an attack takes is what the target used beyond the cost of its honest tokens', () => {
  const windows = { calm: [calm(200)], attacked: [attacked(100)], loaded: [calm(200)] }
  // 3.6 s for 100 tokens, of which 0.6 are theirs, in 4 s.
  expect(takenPerSecond(windows, ({ cpuSeconds }) => cpuSeconds)).toBeCloseTo(0.75)
})

test('windows are short for short attacks, and twelve for long ones', () => {
  const round = ['calm', 'attacked', 'loaded'] as const
  expect(windowsOf(8)).toEqual([...round, ...round, 'calm' as const].map((kind) => ({ kind, seconds: 4 })))
  const long = windowsOf(600)
  expect(long.filter((window) => window.kind === 'attacked')).toEqual(
    Array.from({ length: 12 }, () => ({ kind: 'attacked', seconds: 50 })),
  )
  expect(long[0]).toEqual({ kind: 'calm', seconds: 10 })
})
