import { kadDHT, passthroughMapper, type KadDHT } from '@libp2p/kad-dht'
import { ShoalError } from '@shoal/host'
import { admitRecord } from '../../directory/admit-record.ts'
import type { RecordRules } from '../../directory/directory.ts'
import { equalBytes } from '../../directory/held-records.ts'
import type { Shelf } from '../../directory/shelf.ts'
import { verifySignature } from '../keys.ts'
import { dhtProtocol, ownerOf, recordNamespace } from './keys.ts'

/** libp2p's largest timer, 24 days: the turn that its owner must never reach. */
const neverMs = 2 ** 31 - 1

/** kad-dht with what a LAN needs: it drops private addresses and serves nobody unless told otherwise (docs/dht.md). */
export function dhtService(shelf: Shelf, rules: RecordRules, serve: boolean): ReturnType<typeof kadDHT> {
  return kadDHT({
    protocol: dhtProtocol,
    clientMode: !serve,
    peerInfoMapper: passthroughMapper,
    // Who asks waits for a peer itself, with its own deadline.
    allowQueryWithZeroPeers: true,
    // The keys of all our peers are inside their ids: records of keys are not needed, and would be room for anybody's bytes.
    validators: {
      [recordNamespace]: (key, record) => admitRecord(shelf, rules, verifySignature, ownerOf(key), record),
      pk: () => {
        throw new ShoalError('bad-frame', 'the directory holds records of peers only')
      },
    },
    selectors: {
      [recordNamespace]: (key, records) =>
        Math.max(
          0,
          records.findIndex((record) => equalBytes(shelf.record(ownerOf(key)), record)),
        ),
    },
    // Entries are refreshed by their owner and ended by the shelf's clock; the wall clock has no say.
    reprovide: { interval: neverMs },
    // Who joins or leaves a bucket is noticed by every query; this only finds neighbours while nobody asks anything.
    querySelfInterval: 10 * 60_000,
  })
}

/** What of libp2p's routing table is used: it is not in the type of the service. */
export interface RoutingTable {
  readonly size: number
  remove(peer: unknown): Promise<void>
  addEventListener(type: 'peer:add', listener: () => void): void
  removeEventListener(type: 'peer:add', listener: () => void): void
}

export function routingTableOf(dht: KadDHT): RoutingTable {
  // The version is pinned, and the conformance suite fails without it.
  return (dht as unknown as { readonly routingTable: RoutingTable }).routingTable
}
