import { createMemoryBudget, createVirtualClock, silentLogger } from '@shoal/host'
import { afterAll, afterEach, expect, test } from 'vitest'
import type { BlockRunner, Device } from '../../../block-runner.ts'
import { plentyBytes } from '../../../testing/devices.ts'
import { largestDifference } from '../../../testing/greedy.ts'
import { createPageInProcess, type PageInProcess } from '../../../testing/page-engine.ts'
import { randomModel, smallLlama } from '../../../testing/random-model.ts'
import { limits } from '../../../limits.ts'
import { createOnnxDevice } from '../../device.ts'

const packed = randomModel(smallLlama, 'int4:32')
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
afterAll(() => packed.remove())

const range = { start: 0, end: smallLlama.blockCount }
const rows = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count * smallLlama.hiddenSize }, (_, index) => Math.sin(index * 0.7 + seed))

/** @param probes whether to find the class, which takes as long as loading some blocks */
async function open(
  page: PageInProcess | null,
  probes = false,
): Promise<{ device: Device; runner: BlockRunner }> {
  const device = await createOnnxDevice({
    manifest: packed.manifest,
    folder: packed.folder,
    threads: 1,
    logger: silentLogger,
    ...(page !== null && { compute: page.compute }),
    ...(!probes && { numericClass: 'unknown' }),
  })
  closing.push(() => device.close())
  const runner = await device.loadBlocks(range, { memory: createMemoryBudget(plentyBytes) })
  await runner.open('s', 64)
  return { device, runner }
}

test('a page computes what a thread does, in a class of its own, and the same bits however rows are grouped', async () => {
  const [native, page] = [await open(null, true), await open(await createPageInProcess(), true)]
  expect(page.device.numericClass).toMatch(/^[0-9a-f]{32}$/)
  expect(page.device.numericClass).not.toBe(native.device.numericClass)
  const output = await page.runner.forward('s', 0, rows(20, 1))
  expect(largestDifference(output, await native.runner.forward('s', 0, rows(20, 1)))).toBeLessThan(0.05)
  await page.runner.open('again', 64)
  const width = smallLlama.hiddenSize
  for (const [from, to] of [
    [0, 7],
    [7, 8],
    [8, 20],
  ] as const)
    expect(await page.runner.forward('again', from, rows(20, 1).subarray(from * width, to * width))).toEqual(
      output.subarray(from * width, to * width),
    )
  await page.runner.open('copy', 64)
  await page.runner.importKeyValues('copy', 0, await page.runner.exportKeyValues('s'))
  expect(await page.runner.forward('copy', 20, rows(1, 5))).toEqual(
    await page.runner.forward('s', 20, rows(1, 5)),
  )
})

test('a page with two threads computes the same bits as one with one', async () => {
  const [one, two] = [
    await open(await createPageInProcess()),
    await open(await createPageInProcess(undefined, 2)),
  ]
  for (const [from, count] of [
    [0, 20],
    [20, 1],
  ] as const)
    expect(await two.runner.forward('s', from, rows(count, 3))).toEqual(
      await one.runner.forward('s', from, rows(count, 3)),
    )
})

test('a closed page fails its calls with not-ready, and its device loads nothing more', async () => {
  const page = await createPageInProcess()
  const { device, runner } = await open(page)
  page.lie = () => null
  const waiting = runner.forward('s', 0, rows(1, 1))
  page.close()
  await expect(waiting).rejects.toMatchObject({ code: 'not-ready', message: 'the page was closed' })
  expect(runner.lost?.aborted).toBe(true)
  await expect(device.loadBlocks(range, { memory: createMemoryBudget(plentyBytes) })).rejects.toMatchObject({
    code: 'not-ready',
  })
})

test.each<[string, (reply: { id: number }) => object, RegExp]>([
  [
    'rows of another width',
    ({ id }) => ({ kind: 'reply', id, result: { hidden: rows(2, 1), keyValueBytes: 1 } }),
    /values in place of/,
  ],
  ['no result', ({ id }) => ({ kind: 'reply', id, result: 7 }), /no result/],
  [
    'bytes that are no number',
    ({ id }) => ({ kind: 'reply', id, result: { hidden: rows(1, 1), keyValueBytes: 'x' } }),
    /no number/,
  ],
  ['a reply to another call', ({ id }) => ({ kind: 'reply', id: id + 9, result: null }), /not sent/],
  ['a beat that nobody has asked for', () => ({ kind: 'beat' }), /beat that it was not sent/],
  ['a reply without an id', () => ({ kind: 'reply', result: null }), /not sent/],
])('a page that answers with %s is ended', async (_name, lie, reason) => {
  const page = await createPageInProcess()
  const { runner } = await open(page)
  page.lie = lie
  await expect(runner.forward('s', 0, rows(1, 1))).rejects.toMatchObject({
    code: 'bad-frame',
    message: expect.stringMatching(reason) as unknown,
  })
  expect(runner.lost?.aborted).toBe(true)
})

test('a page that is silent for too long is lost', async () => {
  const clock = createVirtualClock()
  const page = await createPageInProcess(clock)
  const { runner } = await open(page)
  page.lie = () => null
  const waiting = runner.forward('s', 0, rows(1, 1))
  const lost = expect(waiting).rejects.toThrow(/silent for/)
  for (let ms = 0; ms <= limits.remoteSilentMsMax + limits.remoteBeatMs; ms += limits.remoteBeatMs) {
    clock.advance(limits.remoteBeatMs)
    await new Promise(setImmediate)
  }
  await lost
})

test('a page that gives signs of life and never answers is lost', async () => {
  const clock = createVirtualClock()
  const page = await createPageInProcess(clock)
  const { runner } = await open(page)
  page.lie = () => null
  const waiting = runner.forward('s', 0, rows(1, 1))
  const lost = expect(waiting).rejects.toThrow(/has not answered forward for 60 s/)
  for (let ms = 0; ms <= limits.remoteCallMsMax + limits.remoteBeatMs; ms += limits.remoteBeatMs) {
    clock.advance(limits.remoteBeatMs)
    page.say({ kind: 'beat' })
    await new Promise(setImmediate)
  }
  await lost
})
