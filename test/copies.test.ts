import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'

/** Copies are made after 15 s; a machine with two cores that runs other tests too takes longer. */
const timeout = 600_000
/** Four blocks of 4 MiB. */
const shape =
  '--hidden 256 --blocks 4 --heads 4 --kv-heads 4 --feed-forward 1024 --vocabulary 200 --context 64'
/** Room for two of the blocks. */
const memory = ['--memory', '13MiB']
const api = ['--api', '127.0.0.1:0']
const ask = '--prompt-ids 1,2,3,5,8 --max-tokens 12 --temperature 0 --ignore-eos --json'.split(' ')

interface Status {
  readonly covered: boolean
  readonly copies: { readonly embedding: number; readonly blocks: readonly number[]; readonly head: number }
  readonly peers: readonly { readonly peer: string; readonly liveness: string }[]
}

const fewestCopies = ({ copies }: Status): number => Math.min(copies.embedding, copies.head, ...copies.blocks)

describe('copies of weights on spare disk, with real processes', { timeout }, () => {
  const world = createWorld()
  const model = world.folder('random')
  beforeAll(async () => {
    const made = await world.run(['model', 'random', model, ...shape.split(' ')])
    expect(made.code, made.stderr).toBe(0)
  })
  afterAll(() => world.close())

  /** The node's status (the JSON of `shoal status`), asked until `holds`. */
  async function statusWhen(node: Up, holds: (status: Status) => boolean): Promise<Status> {
    for (;;) {
      const answer = await fetch(`${node.ready.api}/swarm`)
      const body = await answer.text()
      // 503: the node has not loaded its model yet.
      expect([200, 503], body).toContain(answer.status)
      const status = answer.ok ? (JSON.parse(body) as Status) : null
      if (status !== null && holds(status)) return status
      await sleep(systemClock, 200)
    }
  }

  it('when the only machine with the model is killed, the others serve all of it from their copies', async () => {
    const source = ['--model', model, '--weights', 'f32', ...memory, ...api]
    const first = await world.up([...source, '--data', world.folder('first')])
    const join = (name: string): Promise<Up> =>
      world.up(['--join', first.address, ...memory, ...api, '--data', world.folder(name)])
    const [second, third] = await Promise.all([join('second'), join('third')])
    await statusWhen(second, (status) => fewestCopies(status) >= 2)
    await first.stop('SIGKILL')

    const gone = ({ peers }: Status): boolean =>
      peers.every(({ peer, liveness }) => peer !== first.ready.peerId || liveness === 'dead')
    await statusWhen(second, (status) => gone(status) && status.covered)
    const swarm = await world.run(['generate', '--join', third.address, ...ask])
    expect(swarm.code, swarm.stderr).toBe(0)
    const local = await world.run(['generate', '--model', model, '--weights', 'f32', '--local', ...ask])
    const [there, here] = [swarm.json(), local.json()] as { tokenIds: number[] }[]
    expect(there?.tokenIds).toEqual(here?.tokenIds)
    // The two that are left make the copies that were lost.
    expect(fewestCopies(await statusWhen(third, (status) => fewestCopies(status) >= 2))).toBe(2)
    for (const node of [second, third]) expect(await node.stop()).toBe(0)
  })

  it('a copy that rotted while its node was away is not announced, but fetched again', async () => {
    const all = ['--model', model, '--weights', 'f32', '--blocks', '0:4', ...api]
    const owner = await world.up([...all, '--data', world.folder('owner')])
    const data = world.folder('keeper')
    const keep = (): Promise<Up> => world.up(['--join', owner.address, '--blocks', '0:1', '--data', data])
    const keeper = await keep()
    await statusWhen(owner, (status) => fewestCopies(status) === 2)
    expect(await keeper.stop()).toBe(0)

    const names = await readdir(data, { recursive: true })
    const file = join(
      data,
      names.find((name) => name.endsWith('block-3.bin'))!,
    )
    const right = await readFile(file)
    const rotten = Uint8Array.from(right)
    rotten[1000]! ^= 1
    await writeFile(file, rotten)
    const back = await keep()
    // The other copies are announced before it.
    await statusWhen(owner, ({ copies }) => copies.blocks[2] === 2 && copies.blocks[3] === 1)
    await statusWhen(owner, (status) => fewestCopies(status) === 2)
    expect(right.equals(await readFile(file))).toBe(true)
    for (const node of [back, owner]) expect(await node.stop()).toBe(0)
  })
})
