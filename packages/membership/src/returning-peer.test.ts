import { createVirtualClock, seededRandom, silentLogger, type Random } from '@shoal/host'
import { createMemoryNetwork } from '@shoal/network'
import { afterEach, describe, expect, test } from 'vitest'
import { Replica } from './document/replica.ts'
import { sealRecord } from './records/seal.ts'
import { memberRecord } from './testing/member-record.ts'
import { createWorld, swarmName, type World } from './testing/world.ts'

let world: World | undefined
afterEach(async () => {
  await world?.close()
  world = undefined
})

/**
 * A new life has a random yjs client id and writes before it has the old document. yjs orders the two records by client
 * id: in half of all returns the record of the old life wins, and the new one is deleted on arrival.
 */
describe('a peer that returns after kill -9', () => {
  test('is blamed by nobody, nor is anybody who passes its records on', async () => {
    const misbehaved: unknown[] = []
    const logger = {
      ...silentLogger,
      warn: (event: string, fields?: object) => misbehaved.push({ event, fields }),
    }
    logger.child = () => logger
    const names = ['a', 'b', 'c', 'd']
    for (let seed = 1; seed <= 6; seed += 1) {
      world = createWorld(seed, 1, logger)
      for (const name of names) await world.join(name, name === 'a' ? undefined : 'a')
      await world.until(() => names.every((name) => world!.alive(name).length === 4), 15_000)
      for (let incarnation = 2; incarnation <= 4; incarnation += 1) {
        await world.kill('d')
        const { transport } = await world.join('d', undefined, { incarnation })
        // What it knows of its old life comes from the nearest while it greets the others.
        for (const [index, name] of ['a', 'b', 'c'].entries()) {
          world.network.setLatency('d', name, 2 + index)
          transport
            .dial(`/memory/${name}/p2p/${name}`, { signal: new AbortController().signal })
            .catch(() => undefined)
        }
        await world.run(1500)
      }
      await world.until(() => names.every((name) => world!.alive(name).includes('d@4')), 15_000)
      await world.close()
    }
    expect(misbehaved).toEqual([])
  })

  describe('whose old record wins over the new one', () => {
    const network = createMemoryNetwork({ clock: createVirtualClock(), random: seededRandom(1) })
    let peers = 0

    /** Replicas of the old life, of the new one, and of neighbours; the old life's client id is the higher one. */
    async function returning(): Promise<{
      readonly old: Uint8Array
      readonly first: Uint8Array
      readonly second: Uint8Array
      readonly neighbour: () => Replica
    }> {
      const owner = network.createTransport(`owner-${(peers += 1)}`)
      const replicaOf = (clientId: number): Replica => {
        const random: Random = { ...seededRandom(1), uint32: () => clientId }
        return new Replica({ signer: owner, random, isGone: () => false }, swarmName, 1 << 30)
      }
      const write = async (replica: Replica, incarnation: number, seq: number): Promise<Uint8Array> =>
        replica.put(
          await sealRecord(
            owner,
            swarmName,
            memberRecord(owner.peerId, {
              incarnation,
              seq,
              writer: replica.writer,
              clock: replica.clock,
            }),
          ),
        )
      const old = await write(replicaOf(2000), 1, 1)
      const life = replicaOf(1000)
      const first = await write(life, 2, 1)
      await life.receive(old)
      const second = await write(life, 2, 2)
      let clientId = 0
      return { old, first, second, neighbour: () => replicaOf((clientId += 1)) }
    }

    test('its first record, now remains, may come after its second', async () => {
      const { old, first, second, neighbour } = await returning()
      const [near, far] = [neighbour(), neighbour()]
      await near.receive(old)
      await near.receive(first)
      await far.receive(old)
      expect(await far.receive(second)).toMatchObject({
        accepted: [{ record: { seq: 2 } }],
        incomplete: true,
      })
      // What near has instead of the first record: an item without its value.
      await far.receive(near.missing(far.stateVector()))
      expect(await far.receive(second)).toMatchObject({ incomplete: false })
      await near.receive(second)
      expect(far.missing(Uint8Array.of(0))).toEqual(near.missing(Uint8Array.of(0)))
    })

    test('the deletion of its first record is not passed on without the record that won', async () => {
      const { old, first, second, neighbour } = await returning()
      const [near, newcomer] = [neighbour(), neighbour()]
      await near.receive(old)
      await newcomer.receive(first)
      expect(await near.receive(first)).toMatchObject({
        accepted: [{ record: { incarnation: 2 } }],
        novel: undefined,
      })
      await newcomer.receive(near.missing(newcomer.stateVector()))
      expect((await near.receive(second)).novel).toEqual(second)
      await newcomer.receive(second)
      expect(newcomer.missing(Uint8Array.of(0))).toEqual(near.missing(Uint8Array.of(0)))
    })
  })
})
