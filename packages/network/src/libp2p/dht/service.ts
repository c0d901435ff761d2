import { kadDHT, passthroughMapper, type KadDHT } from '@libp2p/kad-dht'
import type { PeerId } from '@libp2p/interface'
import { ShoalError } from '@shoal/host'
import { admitRecord } from '../../directory/admit-record.ts'
import type { RecordRules } from '../../directory/directory.ts'
import { equalBytes } from '../../directory/held-records.ts'
import type { Shelf } from '../../directory/shelf.ts'
import { limits } from '../../limits.ts'
import { isObject } from '../speed-ups/report.ts'
import { verifySignature } from '../keys.ts'
import { dhtProtocol, ownerOf, recordNamespace } from './keys.ts'

/** The longest timer of Node, 24 days: switches off the re-announcement of entries by libp2p, since their owners renew them. */
const neverMs = 2 ** 31 - 1

/** kad-dht with what a LAN needs: it drops private addresses and serves nobody unless told otherwise (docs/dht.md). */
export function dhtService(shelf: Shelf, rules: RecordRules, serve: boolean): ReturnType<typeof kadDHT> {
  const make = kadDHT({
    protocol: dhtProtocol,
    clientMode: !serve,
    peerInfoMapper: passthroughMapper,
    // The caller of a query waits for a first peer itself, with its own deadline.
    allowQueryWithZeroPeers: true,
    // The public key of every Shoal peer is part of its id. Records of public keys are not needed, and would let anybody store bytes here.
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
    // Entries are renewed by their owners and expire by the shelf's clock; libp2p would use the wall clock.
    reprovide: { interval: neverMs },
    // Every query notices which peers come and go; this query only finds neighbours while nobody asks anything.
    querySelfInterval: 10 * 60_000,
  })
  return (components) => {
    const dht = make(components)
    refreshSeldom(dht)
    return dht
  }
}

/**
 * Each refresh asks for a random key in every bucket, which took five idle nodes 120 B/s each when libp2p did it every five
 * minutes. Owners renew their entries every ten minutes, and these queries keep the table of a node that serves. In a libp2p
 * with other internals the table is refreshed as often as before.
 */
function refreshSeldom(dht: object): void {
  const refresh = isObject(dht) ? dht['routingTableRefresh'] : undefined
  if (isObject(refresh) && typeof refresh['refreshInterval'] === 'number')
    refresh['refreshInterval'] = limits.directoryLifeMs
}

/** What of libp2p's routing table is used: it is not in the type of the service. */
export interface RoutingTable {
  readonly size: number
  /** The tree of buckets. */
  readonly kb: { toIterable(): Iterable<{ readonly peerId: PeerId }> }
  remove(peer: unknown): Promise<void>
  addEventListener(type: 'peer:add', listener: (event: CustomEvent<PeerId>) => void): void
  removeEventListener(type: 'peer:add', listener: (event: CustomEvent<PeerId>) => void): void
}

export function routingTableOf(dht: KadDHT): RoutingTable {
  // The version is pinned, and the conformance suite fails without it.
  return (dht as unknown as { readonly routingTable: RoutingTable }).routingTable
}
