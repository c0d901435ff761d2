import { expect, test } from 'vitest'
import { asShoalError, asFailure, ShoalError } from './errors.ts'
import { failureCodes, isErrorCode, isMovable, isUnanswered, type ErrorCode } from './failure-codes.ts'

/** Phases by first letter: j(oining), o(pening), r(unning). */
const expected: Record<ErrorCode, readonly [definite: boolean, movable: string, fault: string]> = {
  'bad-request': [true, 'j', 'coordinator'],
  'bad-model': [true, '', 'coordinator'],
  'unsupported-model': [true, '', 'coordinator'],
  'bad-frame': [true, 'jor', 'peer'],
  'limit-exceeded': [true, 'o', 'coordinator'],
  'not-admitted': [true, 'j', 'coordinator'],
  'wrong-version': [true, '', 'nobody'],
  'wrong-manifest': [true, 'j', 'coordinator'],
  'wrong-profile': [true, 'j', 'coordinator'],
  'wrong-range': [true, 'o', 'nobody'],
  'wrong-position': [true, '', 'coordinator'],
  'stale-epoch': [true, '', 'nobody'],
  'unknown-session': [true, 'r', 'nobody'],
  'no-capacity': [true, 'o', 'nobody'],
  'no-route': [true, '', 'nobody'],
  'hash-mismatch': [true, '', 'peer'],
  'not-found': [true, '', 'nobody'],
  'compute-failed': [true, '', 'nobody'],
  'not-ready': [true, 'jor', 'nobody'],
  'peer-vanished': [false, 'jor', 'nobody'],
  'deadline-passed': [false, 'jor', 'nobody'],
  cancelled: [false, '', 'coordinator'],
  'disk-full': [true, '', 'nobody'],
  'in-use': [true, '', 'nobody'],
  internal: [false, '', 'nobody'],
}
const codes = Object.keys(failureCodes).filter(isErrorCode)

test.each(codes)('%s: whether it is definite, when another peer helps, and whose fault it is', (code) => {
  const movable = (['joining', 'opening', 'running'] as const).filter((phase) => isMovable(code, phase))
  const phases = movable.map((phase) => phase[0]).join('')
  expect([failureCodes[code].definite, phases, failureCodes[code].fault]).toEqual(expected[code])
  expect(new ShoalError(code, 'why').definite).toBe(expected[code][0])
})

test('a peer gave no answer when it is gone or hangs', () => {
  expect(codes.filter(isUnanswered)).toEqual(['peer-vanished', 'deadline-passed'])
})

test('an error travels as its code, its message and whether it is definite', () => {
  const error = new ShoalError('no-capacity', 'full', { definite: false })
  expect(asFailure(error)).toEqual({ code: 'no-capacity', message: 'full', definite: false })
  expect(asFailure(new Error('a bug'))).toEqual({ code: 'internal', message: 'a bug', definite: false })
  expect(asShoalError(error)).toBe(error)
  expect(asShoalError('text')).toMatchObject({ code: 'internal', message: 'text', cause: 'text' })
})
