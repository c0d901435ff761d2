import type { VirtualClock } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import type { Provider } from '../directory/directory.ts'
import { limits } from '../limits.ts'
import { createDirectoryPeers, seal, type DirectoryPeer, type DirectoryWorld } from './directory-peers.ts'
import { refusal, signal } from './peers.ts'

const topic = 'manifest/0123'

async function providersAt({ directory }: DirectoryPeer, wanted = topic): Promise<Provider[]> {
  const found: Provider[] = []
  for await (const provider of directory.providers(wanted, { signal: signal() })) found.push(provider)
  return found
}
const namesAt = async (peer: DirectoryPeer, wanted = topic): Promise<string[]> =>
  (await providersAt(peer, wanted)).map(({ peerId }) => peerId).sort()
const find = (peer: DirectoryPeer, owner: DirectoryPeer): Promise<Uint8Array | null> =>
  peer.directory.find(owner.transport.peerId, { signal: signal() })
const publish = async (peer: DirectoryPeer, incarnation: number, seq: number): Promise<number> =>
  peer.directory.publish(await seal(peer, incarnation, seq), { signal: signal() })

/** What every {@link Directory} must do. */
export function describeDirectory(name: string, createWorld: (clock: VirtualClock) => DirectoryWorld): void {
  describe(`${name} directory`, () => {
    const peers = createDirectoryPeers(createWorld)

    test('a peer alone tells nobody, and answers whoever comes later', async () => {
      const alice = await peers.join()
      expect(await alice.directory.provide(topic, { signal: signal() })).toBe(0)
      expect(await publish(alice, 1, 1)).toBe(0)
      expect(alice.directory.stats()).toEqual({ peers: 0, records: 1, entries: 1 })
      const bob = await peers.join(alice)
      expect(await namesAt(bob)).toEqual([alice.transport.peerId])
      expect(await find(bob, alice)).toEqual(await seal(alice, 1, 1))
    })

    test('what one says is found by another through a third that has nothing to do with it', async () => {
      const bootstrap = await peers.join()
      const alice = await peers.join(bootstrap)
      expect(await alice.directory.provide(topic, { signal: signal() })).toBe(1)
      expect(await publish(alice, 1, 1)).toBe(1)
      const asker = await peers.join(bootstrap, false)
      expect(await providersAt(asker)).toEqual([
        { peerId: alice.transport.peerId, addresses: [...alice.transport.addresses()] },
      ])
      expect(await find(asker, alice)).toEqual(await seal(alice, 1, 1))
      expect(await namesAt(asker, 'manifest/4567')).toEqual([])
      expect(await find(asker, bootstrap)).toBeNull()
      await asker.transport.dial((await providersAt(asker))[0]?.addresses[0] ?? '', { signal: signal() })
    })

    test('tells of each peer that holds the directory, and of nobody who only asks', async () => {
      const alice = await peers.join()
      const heard: string[] = []
      const end = alice.directory.onPeer((peer) => void heard.push(peer))
      const bob = await peers.join(alice)
      await peers.join(alice, false)
      expect(alice.directory.peers()).toEqual([bob.transport.peerId])
      expect(heard).toEqual([bob.transport.peerId])
      end()
      await peers.join(alice)
      expect(heard).toHaveLength(1)
    })

    test("whoever only asks holds nothing, and is nobody's holder", async () => {
      const alice = await peers.join()
      const asker = await peers.join(alice, false)
      expect(await alice.directory.provide(topic, { signal: signal() })).toBe(0)
      expect(alice.directory.stats().peers).toBe(0)
      expect(asker.directory.stats()).toEqual({ peers: 1, records: 0, entries: 0 })
    })

    test('a later word replaces an earlier one, and a later life every word of an earlier', async () => {
      const bootstrap = await peers.join()
      const alice = await peers.join(bootstrap)
      const asker = await peers.join(bootstrap, false)
      for (const [incarnation, seq] of [
        [1, 1],
        [1, 2],
        [1, 900],
        [2, 1],
      ] as const) {
        expect(await publish(alice, incarnation, seq)).toBe(1)
        expect(await find(asker, alice)).toEqual(await seal(alice, incarnation, seq))
      }
      for (const [incarnation, seq] of [
        [1, 901],
        [2, 0],
      ] as const)
        expect(await refusal(publish(alice, incarnation, seq))).toBe('bad-request')
    })

    test('is not deceived: unsigned, of another owner, too large, replayed, or of no peer', async () => {
      const bob = await peers.join()
      const alice = await peers.join(bob)
      const owner = alice.transport.peerId
      await publish(alice, 3, 7)
      const good = await seal(alice, 3, 7)
      const unsigned = good.map((byte, index) => (index === 5 ? byte ^ 1 : byte))
      const ofBob = await seal(bob, 9, 9, owner)
      const large = Uint8Array.from([...good, ...new Uint8Array(limits.directoryRecordBytes)])
      for (const record of [
        unsigned,
        ofBob,
        large,
        new Uint8Array(0),
        good.subarray(1),
        await seal(alice, 3, 6),
        await seal(alice, 2, 999),
        await seal(bob, 9, 9),
      ]) {
        expect(await peers.plant(bob, owner, record)).toBe(false)
      }
      expect(await peers.plant(bob, 'nobody', good)).toBe(false)
      expect(await peers.plant(bob, owner, good)).toBe(true)
      expect(await peers.plant(bob, owner, await seal(alice, 3, 8))).toBe(true)
      expect(await find(bob, alice)).toEqual(await seal(alice, 3, 8))
    })

    test('ends by the clock of who holds it; only a new word of the owner brings it back', async () => {
      const bob = await peers.join()
      const alice = await peers.join(bob)
      await alice.directory.provide(topic, { signal: signal() })
      await publish(alice, 1, 1)
      await alice.transport.close()
      peers.clock.advance(limits.directoryLifeMs - 1)
      expect(await namesAt(bob)).toEqual([alice.transport.peerId])
      expect(await peers.plant(bob, alice.transport.peerId, await seal(alice, 1, 1))).toBe(true)
      peers.clock.advance(1)
      expect(await namesAt(bob)).toEqual([])
      expect(await find(bob, alice)).toBeNull()
      expect(bob.directory.stats()).toMatchObject({ records: 0, entries: 0 })
      // The ghost's last word, said again by somebody who kept it.
      expect(await peers.plant(bob, alice.transport.peerId, await seal(alice, 1, 1))).toBe(false)
      expect(await find(bob, alice)).toBeNull()
      expect(await peers.plant(bob, alice.transport.peerId, await seal(alice, 1, 2))).toBe(true)
      expect(await find(bob, alice)).toEqual(await seal(alice, 1, 2))
    })

    test('saying it again keeps it', async () => {
      const bob = await peers.join()
      const alice = await peers.join(bob)
      for (let turn = 1; turn <= 4; turn += 1) {
        await alice.directory.provide(topic, { signal: signal() })
        await publish(alice, 1, turn)
        peers.clock.advance(limits.directoryLifeMs - 1)
      }
      expect(await namesAt(bob)).toEqual([alice.transport.peerId])
      expect(await find(bob, alice)).toEqual(await seal(alice, 1, 4))
    })

    test('one peer is entered under a few topics only', async () => {
      const bob = await peers.join()
      const alice = await peers.join(bob)
      for (let index = 0; index < limits.topicsPerProvider; index += 1)
        await alice.directory.provide(`topic/${index}`, { signal: signal() })
      await alice.directory.provide('topic/0', { signal: signal() })
      expect(await refusal(alice.directory.provide('one/more', { signal: signal() }))).toBe('limit-exceeded')
      expect(bob.directory.stats().entries).toBe(limits.topicsPerProvider)
      expect(await namesAt(bob, 'one/more')).toEqual([])
    })

    test('an abort ends every wait with its reason', async () => {
      const alice = await peers.join()
      const reason = new Error('the user went away')
      const aborted = AbortSignal.abort(reason)
      await expect(alice.directory.provide(topic, { signal: aborted })).rejects.toBe(reason)
      await expect(alice.directory.publish(new Uint8Array(1), { signal: aborted })).rejects.toBe(reason)
      await expect(alice.directory.find('somebody', { signal: aborted })).rejects.toBe(reason)
      await expect(alice.directory.whenReady(aborted)).rejects.toBe(reason)
      const caller = new AbortController()
      const waiting = expect(alice.directory.whenReady(caller.signal)).rejects.toBe(reason)
      caller.abort(reason)
      await waiting
      await expect(
        (async () => {
          for await (const _ of alice.directory.providers(topic, { signal: aborted }))
            throw new Error('found')
        })(),
      ).rejects.toBe(reason)
    })
  })
}
