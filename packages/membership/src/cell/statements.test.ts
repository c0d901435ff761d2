import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { memberLimits } from '../limits.ts'
import type { Statement, StatementKind } from './statement.ts'
import { Statements } from './statements.ts'

const paceMs = 5000
const aliveMs = 1000
const alive = (count: number, incarnation = 1): Statement => said('alive', 'x', incarnation, count)
const alert = (signer: string, count: number, incarnation = 1): Statement =>
  said('alert', signer, incarnation, count)

function said(kind: StatementKind, signer: string, incarnation: number, count: number): Statement {
  return { kind, signer, subject: 'x', incarnation, count, bytes: new Uint8Array() }
}

const anybody = (): boolean => true

const held = (signer: string, signerIncarnation: number, count = 0): Statement => ({
  ...said('held', signer, 1, count),
  signerIncarnation,
})

function setUp(): {
  readonly take: (statement: Statement, isWatcher?: boolean) => boolean
  statements: Statements
  readonly pass: (ms: number) => void
} {
  const clock = createVirtualClock()
  const statements = new Statements(clock, paceMs, aliveMs)
  return {
    statements,
    pass: (ms) => clock.advance(ms),
    take: (statement, isWatcher = false) => {
      const isNews = statements.isNews(statement, isWatcher)
      if (isNews) statements.take(statement)
      return isNews
    },
  }
}

const signers = (statements: Statements, incarnation = 1): string[] =>
  statements.complaintsOf('x', incarnation).map(({ statement }) => statement.signer)

test('an alert counts only against the number that its subject has signed last', () => {
  const { take, statements } = setUp()
  expect(take(alert('a', 0))).toBe(false)
  expect(take(alive(3))).toBe(true)
  expect([take(alert('a', 2)), take(alert('b', 4)), take(alert('c', 3))]).toEqual([false, false, true])
  expect(signers(statements)).toEqual(['c'])
})

test('a later alive makes alerts void for ever, and a later life too', () => {
  const { take, statements } = setUp()
  take(alive(0))
  take(alert('a', 0))
  expect(take(alive(1))).toBe(true)
  expect(signers(statements)).toEqual([])
  expect([take(alert('a', 0)), take(alive(0)), take(alive(1))]).toEqual([false, false, false])
  expect(take(alive(0, 2))).toBe(true)
  expect([take(alert('a', 1, 1)), take(alive(9, 1))]).toEqual([false, false])
})

test('a subject states that it is alive some times at once and then at a pace, whatever its numbers', () => {
  const { take, pass } = setUp()
  const flood = (from: number): number =>
    Array.from({ length: 100 }, (_, index) => take(alive(0, from + index))).filter(Boolean).length
  expect(flood(1)).toBe(memberLimits.aliveBurst)
  pass(3 * aliveMs)
  expect(flood(200)).toBe(3)
})

test('one signer complains of a life at its pace; that it is held dead may be said at once', () => {
  const { take, pass } = setUp()
  take(alive(0))
  expect([take(alert('a', 0)), take(alert('a', 0))]).toEqual([true, false])
  take(alive(1))
  expect(take(alert('a', 1))).toBe(false)
  expect(take(held('a', 1, 1))).toBe(true)
  take(alive(2))
  pass(paceMs)
  expect(take(alert('a', 2))).toBe(true)
})

test('complaints beyond the bound are refused, and watchers keep places of their own', () => {
  const { take, statements } = setUp()
  take(alive(0))
  for (let index = 0; index < 100; index += 1) take(alert(`s${index}`, 0))
  expect(signers(statements)).toHaveLength(memberLimits.maxComplaints)
  expect(take(alert('watcher', 0), true)).toBe(true)
  // What was refused is not taken for news when it comes again and again.
  expect(take(alert('s99', 0))).toBe(false)
})

test('a beat makes complaints void here, and they are no news afterwards', () => {
  const { take, statements } = setUp()
  take(alive(0))
  take(alert('a', 0))
  statements.void('x', 1)
  expect(signers(statements)).toEqual([])
  expect(take(alert('a', 0))).toBe(false)
})

test('an observer that stood still counts complaints as younger', () => {
  const { take, statements } = setUp()
  take(alive(0))
  take(alert('a', 0))
  statements.paused(4000)
  expect(statements.complaintsOf('x', 1)[0]?.atMs).toBe(4000)
})

test('a signer whose alerts are refuted waits twice as long after each, unless many complained with it', () => {
  const waitOf = (others: number): number => {
    const count = memberLimits.refutedFree + 3
    const fresh = setUp()
    fresh.take(alive(0))
    for (let said = 0; said < count; said += 1) {
      while (!fresh.take(alert('a', said))) fresh.pass(1000)
      for (let other = 0; other < others; other += 1) fresh.take(alert(`o${other}`, said))
      fresh.take(alive(said + 1))
    }
    let waitedMs = 0
    for (; !fresh.take(alert('a', count)); waitedMs += 1000) fresh.pass(1000)
    return waitedMs
  }
  expect(waitOf(0)).toBe(paceMs * 2 ** 3)
  expect(waitOf(memberLimits.complaintsBelieved - 1)).toBe(paceMs)
})

test('the claims of a member end with its own life, whoever repeats them and whenever', () => {
  const { take, statements, pass } = setUp()
  take(alive(0))
  take(held('a', 1))
  take({ ...alive(0, 2), signer: 'a', subject: 'a' })
  statements.forgetClaimsBefore('a', 2)
  expect([statements.countHolders('x', 1, anybody), statements.heldOf('x', 1)]).toEqual([0, []])
  pass(1000 * paceMs)
  expect(take(held('a', 1))).toBe(false)
  expect(take(held('a', 2))).toBe(true)
})

test('a claim that comes before the first statement of its life stays when that comes', () => {
  const { take, statements } = setUp()
  take(alive(0))
  expect(take(held('a', 2))).toBe(true)
  take({ ...alive(0, 2), signer: 'a', subject: 'a' })
  statements.forgetClaimsBefore('a', 2)
  expect([statements.countHolders('x', 1, anybody), statements.heldOf('x', 1).length]).toEqual([1, 1])
})

test('those that hold a life dead are counted until it ends, refuted ones too', () => {
  const { take, statements } = setUp()
  take(alive(0))
  take(held('a', 1))
  take(alive(1))
  take(held('b', 1, 1))
  expect(statements.countHolders('x', 1, anybody)).toBe(2)
  expect(statements.countHolders('x', 1, (signer) => signer !== 'a')).toBe(1)
  expect(statements.heldOf('x', 1).map(({ signer }) => signer)).toEqual(['b'])
  take(alive(0, 2))
  expect([statements.countHolders('x', 1, anybody), statements.countHolders('x', 2, anybody)]).toEqual([0, 0])
})
