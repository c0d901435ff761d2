import { EventEmitter } from 'node:events'
import { silentLogger, type Logger } from '@shoal/host'
import { expect, test } from 'vitest'
import { watchUnhandledErrors } from './unhandled-errors.ts'

test('the first unhandled error is logged and stops the program in order, the second ends it at once', () => {
  const events = new EventEmitter()
  const log: unknown[] = []
  const logger: Logger = { ...silentLogger, error: (event, fields) => log.push([event, fields?.['error']]) }
  const calls: string[] = []
  const watch = watchUnhandledErrors(
    events,
    logger,
    (error) => calls.push(`stop: ${error.code}, ${error.message}`),
    () => calls.push('exit'),
  )
  expect(watch.first).toBeNull()
  const [rejected, thrown] = [new Error('a rejection'), new Error('an exception')]
  events.emit('unhandledRejection', rejected, Promise.resolve())
  expect(calls).toEqual(['stop: internal, a programming error ended this program: a rejection'])
  expect(watch.first?.cause).toBe(rejected)
  events.emit('uncaughtException', thrown, 'uncaughtException')
  expect(calls.at(-1)).toBe('exit')
  expect(log).toEqual([
    ['unhandled-error', rejected],
    ['unhandled-error', thrown],
  ])
  watch.stopWatching()
  expect(events.eventNames()).toEqual([])
})
