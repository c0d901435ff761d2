import { createMemoryBudget, silentLogger, type Logger } from '@shoal/host'
import { afterAll, afterEach, expect, test } from 'vitest'
import type { Device } from '../../block-runner.ts'
import { plentyBytes } from '../../testing/devices.ts'
import { randomModel, smallLlama } from '../../testing/random-model.ts'
import { createOnnxDevice, type ComputePlace } from '../device.ts'

const packed = randomModel(smallLlama, 'int4:32')
const opened: Device[] = []
afterEach(async () => {
  for (const device of opened.splice(0)) await device.close()
})
afterAll(() => packed.remove())

/** A device and the ids of the processes that computed for it, in order. */
async function open(
  compute: ComputePlace,
): Promise<{ device: Device; pids: number[]; events: string[]; ended: Promise<void> }> {
  const pids: number[] = []
  const events: string[] = []
  const ended = Promise.withResolvers<void>()
  const logger: Logger = {
    ...silentLogger,
    info: (event, fields) => {
      if (event === 'compute-process-started') pids.push(Number(fields?.['pid']))
      else events.push(event)
    },
    error: (event) => {
      events.push(event)
      ended.resolve()
    },
  }
  const device = await createOnnxDevice({
    manifest: packed.manifest,
    folder: packed.folder,
    threads: 1,
    logger,
    numericClass: 'test',
    compute,
  })
  opened.push(device)
  return { device, pids, events, ended: ended.promise }
}

const rows = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count * smallLlama.hiddenSize }, (_, index) => Math.sin(index * 0.7 + seed))
const range = { start: 0, end: smallLlama.blockCount }
const memory = (): { memory: ReturnType<typeof createMemoryBudget> } => ({
  memory: createMemoryBudget(plentyBytes),
})

/** Prefill, two rows one by one, the cache, and logits. */
async function story(device: Device): Promise<Float32Array[]> {
  const runner = await device.loadBlocks(range, memory())
  const head = await device.loadHead()
  await runner.open('s', 64)
  const outputs = [await runner.forward('s', 0, rows(20, 1))]
  for (const position of [20, 21]) outputs.push(await runner.forward('s', position, rows(1, position)))
  const keyValues = await runner.exportKeyValues('s')
  await runner.open('copy', 64)
  await runner.importKeyValues('copy', 0, keyValues)
  outputs.push(keyValues, await runner.forward('copy', 22, rows(1, 22)))
  outputs.push(await head.logits(rows(2, 3)))
  await head.release()
  await runner.release()
  return outputs
}

test('a process computes the same bits as a thread', async () => {
  const [thread, child] = [await open('thread'), await open('process')]
  expect(await story(child.device)).toEqual(await story(thread.device))
  // What is kept must not pin the buffers of the pipe.
  const runner = await child.device.loadBlocks(range, memory())
  await runner.open('s', 4)
  const row = await runner.forward('s', 0, rows(1, 1))
  expect(row.buffer.byteLength).toBe(row.byteLength)
})

test('a killed compute process fails its calls with not-ready, and the next load starts another one', async () => {
  const { device, pids, events, ended } = await open('process')
  const runner = await device.loadBlocks(range, memory())
  const head = await device.loadHead()
  const logits = await head.logits(rows(1, 5))
  await runner.open('s', 64)
  const expected = await runner.forward('s', 0, rows(1, 1))
  // Many calls wait when the process dies: none of them may hang, and they take longer than the signal.
  const waiting = Array.from({ length: 60 }, (_, index) => runner.forward('s', index + 1, rows(1, index + 1)))
  process.kill(pids[0]!, 'SIGKILL')
  const outcomes = await Promise.allSettled(waiting)
  await ended
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'not-ready' })
  expect(outcomes.at(-1)?.status).toBe('rejected')
  expect(runner.lost?.aborted).toBe(true)
  expect(String(runner.lost?.reason)).toMatch(/the compute process was ended by SIGKILL/)
  await expect(runner.forward('s', 4, rows(1, 4))).rejects.toMatchObject({ code: 'not-ready' })
  // What is freed in a dead host frees its memory here, without an error.
  await runner.close('s')
  await runner.release()
  const again = await device.loadBlocks(range, memory())
  expect(pids).toHaveLength(2)
  await again.open('s', 64)
  expect(await again.forward('s', 0, rows(1, 1))).toEqual(expected)
  // A head that was loaded before goes on.
  expect(await head.logits(rows(1, 5))).toEqual(logits)
  expect(events).toEqual(['compute-ended', 'compute-restarted'])
})

test('a head whose process dies in mid-call gives the same logits from the next process', async () => {
  const { device, pids } = await open('process')
  const head = await device.loadHead()
  const expected = await head.logits(rows(1, 5))
  const into = new Float32Array(new SharedArrayBuffer(expected.byteLength))
  const answers = [head.logits(rows(1, 5)), head.logits(rows(1, 5), into)]
  process.kill(pids[0]!, 'SIGKILL')
  for (const answer of answers) expect([...(await answer)]).toEqual([...expected])
  expect(pids).toHaveLength(2)
})

test('ranks, whose sums go through shared memory, are refused with the way out', async () => {
  const { device } = await open('process')
  const all = { start: 0, end: 1 }
  await expect(
    device.loadRank(range, {
      ...memory(),
      sum: async (partial) => partial,
      share: { rank: 0, ranks: 1, heads: all, keyValueHeads: all, columns: all, experts: null },
    }),
  ).rejects.toThrow(/--compute thread/)
})
