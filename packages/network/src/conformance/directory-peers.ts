import { createVirtualClock, ShoalError, type VirtualClock } from '@shoal/host'
import { afterEach, beforeEach, expect } from 'vitest'
import type { Directory, DirectoryOptions, RecordRules } from '../directory/directory.ts'
import type { Transport } from '../transport.ts'
import { signal } from './peers.ts'

/** A peer of the suite. */
export interface DirectoryPeer {
  readonly transport: Transport
  readonly directory: Directory
}

/** Makes peers that can reach each other; what they hold ends by the given clock. */
export interface DirectoryWorld {
  create(options: DirectoryOptions): Promise<DirectoryPeer>
  /**
   * A peer that keeps no rule sends `record` under `owner`'s name to `at`.
   * @returns whether it was taken
   */
  plant(at: DirectoryPeer, owner: string, record: Uint8Array): Promise<boolean>
  close(): Promise<void>
}

/** What every test of the suite starts from, fresh for each. */
export interface DirectoryPeers {
  readonly clock: VirtualClock
  plant: DirectoryWorld['plant']
  /** A peer, connected to `via` and known by it. */
  join(via?: DirectoryPeer, serve?: boolean): Promise<DirectoryPeer>
}

/** Call it where tests are declared. */
export function createDirectoryPeers(createWorld: (clock: VirtualClock) => DirectoryWorld): DirectoryPeers {
  let current: { clock: VirtualClock; world: DirectoryWorld } | undefined
  const peers: DirectoryPeer[] = []
  const now = () => {
    if (current === undefined) throw new Error('peers exist within tests only')
    return current
  }

  beforeEach(() => {
    const clock = createVirtualClock()
    current = { clock, world: createWorld(clock) }
  })
  afterEach(async () => {
    await Promise.all(peers.splice(0).map(({ transport }) => transport.close()))
    await now().world.close()
  })

  return {
    get clock() {
      return now().clock
    },
    plant: (at, owner, record) => now().world.plant(at, owner, record),
    async join(via, serve = true) {
      const peer = await now().world.create({ rules, serve })
      peers.push(peer)
      if (via === undefined) return peer
      const before = via.directory.stats().peers
      await peer.transport.dial(via.transport.addresses()[0] ?? '', { signal: signal() })
      await peer.directory.whenReady(signal())
      // A peer that only asks is nobody's holder.
      if (serve)
        await expect.poll(() => via.directory.stats().peers, { timeout: 10_000 }).toBeGreaterThan(before)
      return peer
    },
  }
}

const signatureBytes = 64
const bodyOf = (owner: string, incarnation: number, seq: number): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ owner, incarnation, seq }))

/** A record of the suite: signature ‖ JSON. */
export async function seal(
  { transport }: DirectoryPeer,
  incarnation: number,
  seq: number,
  owner = transport.peerId,
): Promise<Uint8Array> {
  const body = bodyOf(owner, incarnation, seq)
  return Uint8Array.from([...(await transport.sign(body)), ...body])
}

const rules: RecordRules = {
  async order(owner, record, verify) {
    const body = record.subarray(signatureBytes)
    const said = JSON.parse(new TextDecoder().decode(body)) as {
      owner: string
      incarnation: number
      seq: number
    }
    if (said.owner !== owner || !(await verify(owner, body, record.subarray(0, signatureBytes))))
      throw new ShoalError('bad-frame', `${owner} did not sign this`)
    return { incarnation: said.incarnation, seq: said.seq }
  },
}
