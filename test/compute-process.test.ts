import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { createWorld, type Ended } from './harness.ts'

interface Generated {
  readonly tokenIds: readonly number[]
  readonly continuity: string
}
const generated = (ended: Ended): Generated => ended.json() as Generated

const world = createWorld()
/** Keys and values in int8: caches are made anew with the same codes, wherever and however their rows are computed. */
const kv = ['--kv', 'int8']
afterAll(() => world.close())

/** Ids of the processes that have computed for the node with this data folder, in order. */
const computeProcesses = (folder: string): number[] =>
  readFileSync(join(folder, 'shoal.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"compute-process-started"'))
    .map((line) => (JSON.parse(line) as { pid: number }).pid)

it('a compute process that dies in mid-answer takes neither its node nor a token of the answer', async () => {
  const first = await world.up(['--model', 'demo', ...kv, '--blocks', '0:4', '--data', world.folder('first')])
  const folder = world.folder('second')
  // The only holder of its blocks: the answer waits until it has loaded them again.
  const words = ['--join', first.address, '--blocks', '4:6', '--compute', 'process', '--data', folder]
  const second = await world.up(words)
  const [pid] = computeProcesses(folder)
  const prompt = ['generate', 'Tell me a story.', '--model', 'demo', '--temperature', '0', '--ignore-eos']
  const asked = [...prompt, '--max-tokens', '200', '--json']
  // While a session opens, an answer waits for lost blocks for a shorter time than later on.
  const begun = Promise.withResolvers<void>()
  const running = world.run([...asked, '--log-level', 'debug', '--join', first.address], {
    onLog: (line) => {
      if (line.includes('session-started')) begun.resolve()
    },
  })
  await Promise.race([begun.promise, running])
  process.kill(pid!, 'SIGSEGV')
  await second.until(({ event, blocks }) => event === 'blocks-changed' && blocks === null)
  const ended = await running
  expect(ended.code, ended.stderr).toBe(0)
  const local = generated(await world.run([...asked, ...kv, '--local']))
  expect(generated(ended)).toMatchObject({ tokenIds: local.tokenIds, continuity: 'identical' })
  expect(second.ready).toMatchObject({ profile: 'f32+kv-int8' })
  expect(computeProcesses(folder)).toHaveLength(2)
  expect(second.process.exitCode).toBeNull()
  expect(await second.stop()).toBe(0)
  // Four programs start, one after the other: on a busy machine this takes minutes.
}, 300_000)
