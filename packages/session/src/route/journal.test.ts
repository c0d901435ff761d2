import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createJournal, type JournalStep } from './journal.ts'
import { sessionLimits } from './limits.ts'

const hiddenSize = 3
const rowsOf = (from: number, count: number): Float32Array =>
  Float32Array.from({ length: count * hiddenSize }, (_, i) => from * 1000 + i)

test('rows come back as they were sent, over segment borders, and rewinding forgets them and their steps', () => {
  const action = fc.oneof(
    fc.record({ append: fc.integer({ min: 1, max: 150 }) }),
    fc.record({ truncate: fc.double({ min: 0, max: 1, noNaN: true }) }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const journal = createJournal(hiddenSize, 2000)
      let model: number[] = []
      let steps: JournalStep[] = []
      let whole = new Set<number>()
      actions.forEach((action, step) => {
        if ('append' in action) {
          const count = Math.min(action.append, 2000 - journal.length)
          if (count === 0) return
          steps.push({ step, position: journal.length, rows: count, want: 'none' })
          whole.add(step)
          journal.append(step, rowsOf(step, count))
          model.push(...rowsOf(step, count))
        } else {
          const length = Math.floor(action.truncate * journal.length)
          journal.truncate(length)
          model = model.slice(0, length * hiddenSize)
          whole = new Set(
            steps
              .filter((entry) => whole.has(entry.step) && entry.position + entry.rows <= length)
              .map((entry) => entry.step),
          )
          steps = steps
            .filter(({ position }) => position < length)
            .map((entry) => ({ ...entry, rows: Math.min(entry.rows, length - entry.position) }))
        }
        expect(journal.length).toBe(model.length / hiddenSize)
        expect(journal.steps).toEqual(steps)
      })
      expect(journal.rows(0, journal.length)).toEqual(Float32Array.from(model))
      const middle = Math.floor(journal.length / 2)
      expect(journal.rows(middle, journal.length)).toEqual(
        Float32Array.from(model.slice(middle * hiddenSize)),
      )
      for (const entry of steps)
        expect(journal.find(entry.step)).toEqual(whole.has(entry.step) ? entry : undefined)
      const segmentBytes = sessionLimits.journalSegmentRows * hiddenSize * 4
      expect(journal.bytes).toBe(Math.ceil(journal.length / sessionLimits.journalSegmentRows) * segmentBytes)
    }),
  )
})

test.each([
  ['more rows than the token budget', () => createJournal(3, 4).append(0, new Float32Array(15))],
  ['part of a row', () => createJournal(3, 4).append(0, new Float32Array(4))],
  ['rows that are not there', () => createJournal(3, 4).views(0, 1)],
  ['a rewind to later', () => createJournal(3, 4).truncate(1)],
])('%s is a bug', (_, act) => {
  expect(act).toThrow(RangeError)
})
