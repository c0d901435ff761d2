import { silentLogger } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import type { SwarmEvent } from '../types.ts'
import { createLeaving, type LeavingDependencies } from './leaving.ts'

const never = new AbortController().signal

/** Records the calls of a leaving node in their order. */
function record(changes: Partial<Record<string, () => Promise<void>>> = {}): {
  steps: string[]
  events: SwarmEvent[]
  leave: (signal: AbortSignal) => Promise<void>
} {
  const steps: string[] = []
  const events: SwarmEvent[] = []
  const step = (name: string) => (): Promise<void> => {
    steps.push(name)
    return changes[name]?.() ?? Promise.resolve()
  }
  const dependencies: LeavingDependencies = {
    logger: silentLogger,
    keeper: { retire: step('retire') },
    stageHost: { setDraining: () => void steps.push('draining'), whenIdle: step('idle'), sessions: () => 0 },
    membership: { announce: step('announce'), leave: step('leave') },
    engine: { drain: step('answers') },
    publisher: { leave: step('directory') },
    scope: { close: step('close') },
  }
  return { steps, events, leave: createLeaving(dependencies, (event) => events.push(event)) }
}

describe('a node that leaves', () => {
  test('ends its moves, announces, drains, leaves and closes, in this order and once', async () => {
    const { steps, events, leave } = record()
    await Promise.all([leave(never), leave(never)])
    expect(steps).toEqual([
      'draining',
      'retire',
      'announce',
      'directory',
      'answers',
      'idle',
      'leave',
      'close',
    ])
    expect(events).toEqual([{ event: 'draining' }, { event: 'stopped' }])
  })

  test.each(['idle', 'answers'])(
    'leaves although sessions or its own answers do not end in time: %s',
    async (name) => {
      const { steps, leave } = record({ [name]: () => Promise.reject(new Error('too late')) })
      await leave(never)
      expect(steps.slice(-2)).toEqual(['leave', 'close'])
    },
  )

  test('closes everything although its announcement fails', async () => {
    const { steps, events, leave } = record({ announce: () => Promise.reject(new Error('no key')) })
    await expect(leave(never)).rejects.toThrow('no key')
    expect(steps.at(-1)).toBe('close')
    expect(events).toEqual([{ event: 'draining' }])
  })
})
