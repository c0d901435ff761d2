import type { PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { messageOf, onAbort, ShoalError, type Logger } from '@shoal/host'
import { admitRecord } from '../../directory/admit-record.ts'
import type { Directory, DirectoryStats, Provider, RecordRules } from '../../directory/directory.ts'
import { limits } from '../../limits.ts'
import type { Shelf } from '../../directory/shelf.ts'
import { verifySignature } from '../keys.ts'
import { recordKey, topicId } from './keys.ts'
import { routingTableOf, type RoutingTable } from './service.ts'

export interface DhtDirectoryParts {
  readonly ownId: string
  readonly dht: KadDHT
  readonly shelf: Shelf
  readonly rules: RecordRules
  readonly logger: Logger
  readonly isConnected: (peer: string) => boolean
  /** libp2p learns its own addresses a second after its start; until then it would not name itself to others. */
  readonly learnOwnAddresses: () => Promise<void>
}

/** The {@link Directory} over kad-dht. kad-dht's generators do nothing unless they are drained, and report failures as events. */
export class DhtDirectory implements Directory {
  readonly #parts: DhtDirectoryParts
  readonly #table: RoutingTable

  constructor(parts: DhtDirectoryParts) {
    this.#parts = parts
    this.#table = routingTableOf(parts.dht)
  }

  provide(topic: string, { signal }: { readonly signal: AbortSignal }): Promise<number> {
    return guarded(signal, async () => {
      await this.#parts.learnOwnAddresses()
      return this.#tell(this.#parts.dht.provide(topicId(topic), { signal }), 'ADD_PROVIDER', signal)
    })
  }

  async *providers(topic: string, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<Provider> {
    signal.throwIfAborted()
    try {
      for await (const event of this.#parts.dht.findProviders(topicId(topic), { signal })) {
        if (event.name === 'QUERY_ERROR' && !signal.aborted) this.#forget(event.from, event.error)
        if (event.name !== 'PROVIDER') continue
        for (const { id, multiaddrs } of event.providers) {
          const peerId = id.toString()
          if (peerId === this.#parts.ownId) continue
          const addresses = multiaddrs.slice(0, limits.maxAddresses)
          yield { peerId, addresses: addresses.map((address) => withPeer(address.toString(), peerId)) }
        }
      }
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    }
    signal.throwIfAborted()
  }

  publish(record: Uint8Array, { signal }: { readonly signal: AbortSignal }): Promise<number> {
    const { ownId, dht, shelf, rules } = this.#parts
    return guarded(signal, async () => {
      try {
        await admitRecord(shelf, rules, verifySignature, ownId, record)
      } catch (cause) {
        throw new ShoalError('bad-request', `this peer's own record is refused: ${messageOf(cause)}`, {
          cause,
        })
      }
      return this.#tell(dht.put(recordKey(ownId), record, { signal }), 'PUT_VALUE', signal)
    })
  }

  find(owner: string, { signal }: { readonly signal: AbortSignal }): Promise<Uint8Array | null> {
    const { dht, shelf } = this.#parts
    return guarded(signal, async () => {
      const holders = new Set<string>()
      try {
        // `VALUE` comes only after every holder of an older record took a correction: one that refuses ends the query.
        for await (const event of dht.get(recordKey(owner), { signal })) {
          if (event.name === 'QUERY_ERROR' && !signal.aborted) this.#forget(event.from, event.error)
          if (event.name !== 'PEER_RESPONSE' || event.record === undefined) continue
          holders.add(event.from.toString())
          if (holders.size >= limits.recordHolders) break
        }
      } catch (error) {
        if (signal.aborted || holders.size === 0) throw error
      }
      // Each record that came was checked, and the newest of them is on the shelf.
      return shelf.record(owner)
    })
  }

  async whenReady(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#table.size > 0) return
    const ready = Promise.withResolvers<void>()
    const stopWaiting = this.onPeer(() => ready.resolve())
    const stopListening = onAbort(signal, () => ready.reject(signal.reason))
    try {
      await ready.promise
    } finally {
      stopWaiting()
      stopListening()
    }
  }

  peers(): readonly string[] {
    return [...this.#table.kb.toIterable()].map(({ peerId }) => peerId.toString())
  }

  onPeer(listener: (peerId: string) => void): () => void {
    const heard = (event: CustomEvent<PeerId>): void => listener(event.detail.toString())
    this.#table.addEventListener('peer:add', heard)
    return () => this.#table.removeEventListener('peer:add', heard)
  }

  stats(): DirectoryStats {
    return { peers: this.#table.size, ...this.#parts.shelf.counts() }
  }

  /** libp2p keeps contacts that are gone until their bucket is full; a refused dial is reason enough to forget one. */
  #forget(peer: PeerId, error: Error): void {
    const { logger, isConnected } = this.#parts
    logger.debug('directory-peer-failed', { peer: peer.toString(), reason: messageOf(error) })
    if (isConnected(peer.toString())) return
    this.#table
      .remove(peer)
      .catch((failure: unknown) => logger.debug('directory-peer-kept', { reason: messageOf(failure) }))
  }

  /** Runs a query to its end. @returns the number of peers that answered `messageName` */
  async #tell(events: AsyncIterable<unknown>, messageName: string, signal: AbortSignal): Promise<number> {
    const told = new Set<string>()
    for await (const event of events as AsyncIterable<QueryStep>) {
      if (event.name === 'QUERY_ERROR') {
        told.delete(event.from.toString())
        if (!signal.aborted) this.#forget(event.from, event.error)
      } else if (event.name === 'PEER_RESPONSE' && event.messageName === messageName)
        told.add(event.from.toString())
    }
    signal.throwIfAborted()
    return told.size
  }
}

type QueryStep =
  | { readonly name: 'QUERY_ERROR'; readonly from: PeerId; readonly error: Error }
  | { readonly name: 'PEER_RESPONSE'; readonly from: PeerId; readonly messageName: string }
  | {
      readonly name:
        | 'FINAL_PEER'
        | 'SEND_QUERY'
        | 'PROVIDER'
        | 'VALUE'
        | 'ADD_PEER'
        | 'DIAL_PEER'
        | 'PATH_ENDED'
    }

/** An abort stays the caller's own reason. */
async function guarded<Value>(signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
  signal.throwIfAborted()
  try {
    return await work()
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  }
}

const withPeer = (address: string, peerId: string): string =>
  address.includes('/p2p/') ? address : `${address}/p2p/${peerId}`
