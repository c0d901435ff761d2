import { ShoalError } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import type { Engine, GenerateEvent, GenerateRequest } from '@shoal/swarm'
import { expect, test } from 'vitest'
import { createRoom } from './room.ts'

/** An engine whose stages have room for so many positions. Each answer ends when it is told to. */
function withRoomFor(positions: number) {
  let free = positions
  const began: string[] = []
  const ends = new Map<string, () => void>()
  const room = createRoom(
    () =>
      ({
        async *generate({ promptIds, maxTokens, stop }: GenerateRequest) {
          const needed = promptIds.length + maxTokens
          if (needed > free) throw new ShoalError('no-capacity', 'full')
          free -= needed
          const { promise, resolve } = Promise.withResolvers<void>()
          const [name = ''] = stop ?? []
          began.push(name)
          ends.set(name, resolve)
          try {
            yield token
            await promise
          } finally {
            free += needed
          }
        },
      }) as unknown as Engine,
    0.75,
  )
  const ask = (caller: string, name: string, needed: number): Promise<number> =>
    all(room.of(caller)({ ...requestFor(needed), stop: [name] }))
  return { began, ask, end: (name: string) => ends.get(name)?.() }
}

const token = { type: 'token', text: 'a' } as GenerateEvent
const request = requestFor(1)

function requestFor(positions: number): GenerateRequest {
  return { promptIds: [1], maxTokens: positions - 1 } as unknown as GenerateRequest
}

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
  return { tries, generate: createRoom(() => engine, 1).of('anybody'), end: () => running?.resolve() }
}

async function all(answer: AsyncIterable<GenerateEvent>): Promise<number> {
  let events = 0
  for await (const _event of answer) events += 1
  return events
}

test('answers without room wait for the end of another one, and try only then', async () => {
  const { tries, generate, end } = oneAtATime()
  const answers = [1, 2, 3].map(() => all(generate(request)))
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
  const generate = createRoom(() => full, 1).of('anybody')
  const both = await Promise.allSettled([all(generate(request)), all(generate(request))])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

test('one caller cannot keep all room: who holds least is next, and a quarter stays for others', async () => {
  const { began, ask, end } = withRoomFor(8)
  const answers = [1, 2, 3, 4, 5, 6].map((number) => ask('greedy', `greedy ${number}`, 2))
  await settled()
  // The room is found out by filling it.
  expect(began).toEqual(['greedy 1', 'greedy 2', 'greedy 3', 'greedy 4'])
  const others = [ask('modest', 'modest 1', 2)]
  await settled()
  end('greedy 1')
  await settled()
  // The greedy caller asked first, and holds most.
  expect(began.slice(4)).toEqual(['modest 1'])
  end('modest 1')
  await settled()
  // Three answers are its share: what has become free stays for others, who need not wait any more.
  expect(began.slice(5)).toEqual([])
  others.push(ask('modest', 'modest 2', 2))
  await settled()
  expect(began.slice(5)).toEqual(['modest 2'])
  for (const name of ['greedy 2', 'greedy 3', 'greedy 4', 'modest 2']) {
    end(name)
    await settled()
  }
  for (const name of ['greedy 5', 'greedy 6']) end(name)
  expect(await Promise.all([...answers, ...others])).toEqual(Array.from({ length: 8 }, () => 1))
  expect(began.slice(6).toSorted()).toEqual(['greedy 5', 'greedy 6'])
})

test('an answer that needs more than the share of its caller is made when the caller has no other', async () => {
  const { began, ask, end } = withRoomFor(8)
  const answers = [ask('greedy', 'a', 6), ask('greedy', 'b', 7)]
  await settled()
  expect(began).toEqual(['a'])
  end('a')
  await settled()
  expect(began).toEqual(['a', 'b'])
  end('b')
  expect(await Promise.all(answers)).toEqual([1, 1])
})
