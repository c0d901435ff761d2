import { silentLogger, type Logger } from '@shoal/host'
import { expect, test } from 'vitest'
import { Listeners } from './listeners.ts'
import { createWorld } from './testing/world.ts'

/** Collects warnings and errors, of child loggers too. */
function collect(): { readonly lines: string[]; readonly logger: Logger } {
  const lines: string[] = []
  const write = (event: string, fields?: Readonly<Record<string, unknown>>): void =>
    void lines.push(`${event}: ${String(fields?.['reason'] ?? fields?.['why'])}`)
  const logger: Logger = { ...silentLogger, warn: write, error: write, child: () => logger }
  return { lines, logger }
}

test('a listener that throws is logged, and the others are called', () => {
  const { lines, logger } = collect()
  const listeners = new Listeners<[name: string]>(logger)
  const called: string[] = []
  listeners.add((name) => called.push(`first ${name}`))
  listeners.add(() => {
    throw new Error('full')
  })
  const remove = listeners.add((name) => called.push(`last ${name}`))
  listeners.call('a')
  remove()
  listeners.call('b')
  expect(called).toEqual(['first a', 'last a', 'first b'])
  expect(lines).toEqual(['membership-listener-failed: full', 'membership-listener-failed: full'])
})

test('a neighbour is not blamed when a listener throws at the news in its frame', async () => {
  const { lines, logger } = collect()
  const world = createWorld(1, 1, logger)
  const { membership } = await world.join('a')
  let calls = 0
  const fail = (): never => {
    calls += 1
    throw new Error('a bug in the listener')
  }
  membership.onChange(fail)
  membership.onEvent(fail)
  await world.join('b', 'a')
  await world.run(20_000)
  expect(world.alive('a')).toEqual(['a@1', 'b@1'])
  expect(world.alive('b')).toEqual(['a@1', 'b@1'])
  expect(calls).toBeGreaterThan(2)
  expect(lines).toHaveLength(calls)
  expect(new Set(lines)).toEqual(new Set(['membership-listener-failed: a bug in the listener']))
  await world.close()
})
