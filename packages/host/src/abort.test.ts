import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { onAbort, orAborted, reasonOf, throwIfAborted, untilAborted } from './abort.ts'
import { ShoalError } from './errors.ts'
import { settled } from './testing/settled.ts'

const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length
const gone = new ShoalError('peer-vanished', 'the peer is gone')

test("a signal's own error is its reason; any other reason becomes the cause of `cancelled`", () => {
  expect(reasonOf(AbortSignal.abort(gone))).toBe(gone)
  const cause = new Error('interrupted')
  expect(reasonOf(AbortSignal.abort(cause))).toMatchObject({ code: 'cancelled', cause })
  expect(() => throwIfAborted(AbortSignal.abort(gone))).toThrow(gone)
  throwIfAborted(undefined)
  throwIfAborted(new AbortController().signal)
})

test('an abort listener is called once, or never when it was removed before', () => {
  const controller = new AbortController()
  const { signal } = controller
  const called: string[] = []
  onAbort(signal, () => called.push('kept'))
  const remove = onAbort(signal, () => called.push('removed'))
  expect(listenersOf(signal)).toBe(2)
  remove()
  remove()
  controller.abort(gone)
  controller.abort(gone)
  expect(called).toEqual(['kept'])
  expect(listenersOf(signal)).toBe(0)
})

test('the listener of a signal that has aborted is called at once; without a signal it is never called', () => {
  const called: string[] = []
  onAbort(AbortSignal.abort(gone), () => called.push('aborted'))()
  onAbort(undefined, () => called.push('no signal'))()
  expect(called).toEqual(['aborted'])
})

test('one function that listens twice is called twice', () => {
  const controller = new AbortController()
  let calls = 0
  const listener = (): void => void (calls += 1)
  onAbort(controller.signal, listener)
  onAbort(controller.signal, listener)
  controller.abort()
  expect(calls).toBe(2)
})

test('untilAborted resolves at the abort, or at once after it', async () => {
  const controller = new AbortController()
  let resolved = false
  const waiting = untilAborted(controller.signal).then(() => (resolved = true))
  await settled(10)
  expect(resolved).toBe(false)
  controller.abort(gone)
  await waiting
  await untilAborted(controller.signal)
})

test('orAborted settles as the promise does, and leaves no listener behind', async () => {
  const { signal } = new AbortController()
  expect(await orAborted(Promise.resolve(3), signal)).toBe(3)
  await expect(orAborted(Promise.reject(gone), signal)).rejects.toBe(gone)
  expect(listenersOf(signal)).toBe(0)
  expect(await orAborted(Promise.resolve(4), undefined)).toBe(4)
})

test('orAborted rejects at the abort, and a later rejection of the promise is handled', async () => {
  const controller = new AbortController()
  const late = Promise.withResolvers<number>()
  const waiting = orAborted(late.promise, controller.signal)
  controller.abort(gone)
  await expect(waiting).rejects.toBe(gone)
  expect(listenersOf(controller.signal)).toBe(0)
  // An unhandled rejection would fail this test file.
  late.reject(new Error('too late'))
  await settled(10)
  await expect(orAborted(Promise.resolve(1), AbortSignal.abort(gone))).rejects.toBe(gone)
})
