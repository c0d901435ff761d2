import { createMemoryBudget } from '@shoal/host'
import { keyValueBytesPerPosition, type BlockSpec } from '@shoal/model'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { createSessionBook, type SessionBook } from './session-book.ts'
import { spanOf } from '../span.ts'
import { smallLlama } from '../testing/random-model.ts'

const span = spanOf(smallLlama, { start: 0, end: 2 }, 'f32')
const { contextLength } = smallLlama

function book(limitBytes = 2 ** 30): SessionBook {
  return createSessionBook({ span, contextLength, weightBytes: 1000, memory: createMemoryBudget(limitBytes) })
}
const rows = (count: number): number => count * smallLlama.hiddenSize

test('a failed call takes back the calls that continue from it, and only those', () => {
  const sessions = book()
  sessions.open('a', 100)
  sessions.accept('a', 0, rows(5)).succeed(1)
  const first = sessions.accept('a', 5, rows(3))
  const second = sessions.accept('a', 8, rows(2))
  first.fail()
  expect(sessions.length('a')).toBe(5)
  // Accepted again before the news of the second failure has arrived.
  sessions.accept('a', 5, rows(4))
  second.fail()
  expect(sessions.length('a')).toBe(9)
})

test('a late failure of a closed session does not touch its successor', () => {
  const sessions = book()
  sessions.open('a', 100)
  const late = sessions.accept('a', 0, rows(5))
  sessions.close('a')
  sessions.open('a', 100)
  sessions.accept('a', 0, rows(7))
  late.fail()
  expect(sessions.length('a')).toBe(7)
})

test('weights above the limit are refused before anything is loaded', () => {
  expect(() => book(999)).toThrow(expect.objectContaining({ code: 'no-capacity' }))
})

test('spans that share a budget are promised nothing twice, and give back what they took', () => {
  const positionBytes = keyValueBytesPerPosition(smallLlama, 'f32') * 2
  const memory = createMemoryBudget(2000 + 100 * positionBytes)
  const options = { span, contextLength, weightBytes: 1000, memory }
  const first = createSessionBook(options)
  const second = createSessionBook(options)
  first.open('a', 40)
  expect(() => second.open('b', 61)).toThrow(
    expect.objectContaining({
      code: 'no-capacity',
      message: expect.stringContaining(`${60 * positionBytes} are free`) as string,
    }),
  )
  second.open('b', 60)
  expect(() => first.open('c', 1)).toThrow(/, 0 are free/)
  expect(() => createSessionBook(options)).toThrow(/are in use/)
  expect([memory.usedBytes('weights'), memory.usedBytes('key-values')]).toEqual([2000, 100 * positionBytes])
  second.release()
  second.close('b')
  first.open('c', 60)
  first.close('a')
  first.release()
  expect(memory.usedBytes()).toBe(0)
})

test('names, the number of sessions and rows of a call are limited', () => {
  const sessions = book()
  expect(() => sessions.open('', 1)).toThrow(expect.objectContaining({ code: 'bad-request' }))
  expect(() => sessions.open('x'.repeat(limits.sessionNameMax + 1), 1)).toThrow(
    expect.objectContaining({ code: 'bad-request' }),
  )
  for (let index = 0; index < limits.sessionsMax; index += 1) sessions.open(`${index}`, 1)
  expect(() => sessions.open('one more', 1)).toThrow(expect.objectContaining({ code: 'no-capacity' }))
  sessions.close('0')
  sessions.open('0', 4096)
  expect(() => sessions.accept('0', 0, rows(limits.rowsPerForwardMax + 1))).toThrow(
    expect.objectContaining({ code: 'limit-exceeded' }),
  )
})

test('a session reserves what its own blocks need, where blocks differ', () => {
  const [first, second] = span.blocks as [BlockSpec, BlockSpec]
  const wide = { ...second, attention: { ...second.attention, keyValueHeadCount: 4 } }
  const bytes = keyValueBytesPerPosition(first.attention, 'f32')
  const sessions = createSessionBook({
    span: { ...span, blocks: [first, wide] },
    contextLength,
    weightBytes: 0,
    memory: createMemoryBudget(2 ** 30),
  })
  sessions.open('narrow', 10, { start: 0, end: 1 })
  expect(sessions.memory().reservedBytes).toBe(10 * bytes)
  sessions.open('wide', 10, { start: 1, end: 2 })
  expect(sessions.memory().reservedBytes).toBe(10 * bytes + 10 * 2 * bytes)
  expect(sessions.acceptKeyValues('wide', 0, (3 * 2 * bytes) / 4).rows).toBe(3)
})
