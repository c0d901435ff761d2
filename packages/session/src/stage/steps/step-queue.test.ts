import { expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { StepQueue, type StepLine } from './step-queue.ts'

interface Bench {
  readonly queue: StepQueue
  /** Steps in the order in which they began. */
  readonly begun: string[]
  readonly add: (line: StepLine, name: string, rows?: number) => Promise<void>
  /** Ends a step that has begun. */
  readonly end: (name: string, error?: Error) => Promise<void>
}

function createBench(): Bench {
  const begun: string[] = []
  const under = new Map<string, PromiseWithResolvers<void>>()
  return {
    queue: new StepQueue(),
    begun,
    add: (line, name, rows = 1) =>
      line.add(rows, () => {
        begun.push(name)
        const step = Promise.withResolvers<void>()
        under.set(name, step)
        return step.promise
      }),
    async end(name, error) {
      if (error === undefined) under.get(name)?.resolve()
      else under.get(name)?.reject(error)
      await settled(5)
    },
  }
}

test('a step begins at once when nothing of its session is under way, whatever other sessions do', async () => {
  const { queue, begun, add } = createBench()
  const [one, other] = [queue.createLine(), queue.createLine()]
  void add(one, 'one-1')
  void add(other, 'other-1')
  await settled(5)
  expect(begun).toEqual(['one-1', 'other-1'])
})

test('steps of one session follow each other; sessions come in the order in which their steps may begin', async () => {
  const { queue, begun, add, end } = createBench()
  const [one, other] = [queue.createLine(), queue.createLine()]
  for (const name of ['one-1', 'one-2', 'one-3']) void add(one, name)
  for (const name of ['other-1', 'other-2']) void add(other, name)
  await settled(5)
  expect(begun).toEqual(['one-1', 'other-1'])
  await end('other-1')
  await end('one-1')
  expect(begun).toEqual(['one-1', 'other-1', 'other-2', 'one-2'])
  await end('one-2')
  expect(begun.at(-1)).toBe('one-3')
})

test('the queue counts the rows that wait over all sessions, and a line its steps with the one under way', async () => {
  const { queue, add, end } = createBench()
  const [one, other] = [queue.createLine(), queue.createLine()]
  void add(one, 'one-1', 128)
  void add(one, 'one-2', 64)
  void add(other, 'other-1', 1)
  void add(other, 'other-2', 3)
  await settled(5)
  expect([queue.waitingRows, one.size, other.size]).toEqual([67, 2, 2])
  await end('one-1')
  expect([queue.waitingRows, one.size, other.size]).toEqual([3, 1, 2])
  for (const name of ['one-2', 'other-1', 'other-2']) await end(name)
  expect([queue.waitingRows, one.size, other.size]).toEqual([0, 0, 0])
})

test('a step that fails is the failure of its caller, and the next one begins', async () => {
  const { queue, begun, add, end } = createBench()
  const line = queue.createLine()
  const first = add(line, 'first')
  const second = add(line, 'second')
  await settled(5)
  const failed = expect(first).rejects.toThrow('broken')
  await end('first', new Error('broken'))
  await failed
  expect(begun).toEqual(['first', 'second'])
  await end('second')
  await second
})

test('a line is settled when the step that was added last is over, and an empty one at once', async () => {
  const { queue, add, end } = createBench()
  const line = queue.createLine()
  await line.settled()
  void add(line, 'first')
  void add(line, 'second')
  await settled(5)
  let over = false
  const all = line.settled().then(() => (over = true))
  await end('first')
  expect(over).toBe(false)
  await end('second')
  await all
  expect(over).toBe(true)
})
