import { ShoalError } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import type { Engine, GenerateEvent, GenerateRequest } from '@shoal/swarm'
import { expect, test } from 'vitest'
import { createRoom } from './room.ts'

const token = { type: 'token', text: 'a' } as GenerateEvent
const request = {} as GenerateRequest

/** An engine with room for one answer, which ends when it is told to. */
function oneAtATime() {
  const tries: string[] = []
  let running: PromiseWithResolvers<void> | null = null
  const engine = {
    async *generate() {
      tries.push(running === null ? 'taken' : 'refused')
      if (running !== null) throw new ShoalError('no-capacity', 'full')
      running = Promise.withResolvers<void>()
      try {
        yield token
        await running.promise
      } finally {
        running = null
      }
    },
  } as unknown as Engine
  return { tries, room: createRoom(() => engine), end: () => running?.resolve() }
}

async function all(answer: AsyncIterable<GenerateEvent>): Promise<number> {
  let events = 0
  for await (const _event of answer) events += 1
  return events
}

test('answers without room wait for the end of another one, and try only then', async () => {
  const { tries, room, end } = oneAtATime()
  const answers = [1, 2, 3].map(() => all(room.generate(request)))
  await settled()
  expect(tries).toEqual(['taken', 'refused', 'refused'])
  end()
  await settled()
  expect(tries).toEqual(['taken', 'refused', 'refused', 'taken', 'refused'])
  end()
  await settled()
  end()
  expect(await Promise.all(answers)).toEqual([1, 1, 1])
})

test('where no answer is under way, a refusal is reported at once', async () => {
  const full = {
    // oxlint-disable-next-line require-yield
    async *generate() {
      throw new ShoalError('no-capacity', 'full')
    },
  } as unknown as Engine
  const { generate } = createRoom(() => full)
  const both = await Promise.allSettled([all(generate(request)), all(generate(request))])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})
