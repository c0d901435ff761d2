import type { PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { messageOf, ShoalError, type Logger } from '@shoal/host'
import { admitRecord } from '../../admit-record.ts'
import type { Directory, Provider, RecordRules } from '../../directory.ts'
import { limits } from '../../limits.ts'
import type { Shelf } from '../../shelf.ts'
import { verifySignature } from '../keys.ts'
import { recordKey, topicId } from './keys.ts'
import { routingTableOf } from './service.ts'

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

/** The {@link Directory} over kad-dht. Its generators do nothing unless they are drained, and report failures as events. */
export function createDhtDirectory({
  ownId,
  dht,
  shelf,
  rules,
  logger,
  isConnected,
  learnOwnAddresses,
}: DhtDirectoryParts): Directory {
  const table = routingTableOf(dht)

  /** libp2p keeps contacts that are gone until their bucket is full; a refused dial is reason enough to forget one. */
  const forget = (peer: PeerId, error: Error): void => {
    logger.debug('directory-peer-failed', { peer: peer.toString(), reason: messageOf(error) })
    if (isConnected(peer.toString())) return
    table
      .remove(peer)
      .catch((failure: unknown) => logger.debug('directory-peer-kept', { reason: messageOf(failure) }))
  }

  /** Runs a query to its end. @returns the peers that answered `messageName` */
  const tell = async (
    events: AsyncIterable<unknown>,
    messageName: string,
    signal: AbortSignal,
  ): Promise<number> => {
    const told = new Set<string>()
    for await (const event of events as AsyncIterable<QueryStep>) {
      if (event.name === 'QUERY_ERROR') {
        told.delete(event.from.toString())
        if (!signal.aborted) forget(event.from, event.error)
      } else if (event.name === 'PEER_RESPONSE' && event.messageName === messageName)
        told.add(event.from.toString())
    }
    signal.throwIfAborted()
    return told.size
  }

  return {
    provide: (topic, { signal }) =>
      guarded(signal, async () => {
        await learnOwnAddresses()
        return tell(dht.provide(topicId(topic), { signal }), 'ADD_PROVIDER', signal)
      }),

    async *providers(topic, { signal }): AsyncGenerator<Provider> {
      signal.throwIfAborted()
      try {
        for await (const event of dht.findProviders(topicId(topic), { signal })) {
          if (event.name === 'QUERY_ERROR' && !signal.aborted) forget(event.from, event.error)
          if (event.name !== 'PROVIDER') continue
          for (const { id, multiaddrs } of event.providers) {
            const peerId = id.toString()
            if (peerId === ownId) continue
            yield {
              peerId,
              addresses: multiaddrs
                .slice(0, limits.maxAddresses)
                .map((address) => withPeer(address.toString(), peerId)),
            }
          }
        }
      } catch (error) {
        throw signal.aborted ? signal.reason : error
      }
      signal.throwIfAborted()
    },

    publish: (record, { signal }) =>
      guarded(signal, async () => {
        try {
          await admitRecord(shelf, rules, verifySignature, ownId, record)
        } catch (cause) {
          throw new ShoalError('bad-request', `this peer's own record is refused: ${messageOf(cause)}`, {
            cause,
          })
        }
        return tell(dht.put(recordKey(ownId), record, { signal }), 'PUT_VALUE', signal)
      }),

    find: (owner, { signal }) =>
      guarded(signal, async () => {
        const holders = new Set<string>()
        try {
          // `VALUE` comes only after every holder of an older record took a correction: one that refuses ends the query.
          for await (const event of dht.get(recordKey(owner), { signal })) {
            if (event.name === 'QUERY_ERROR' && !signal.aborted) forget(event.from, event.error)
            if (event.name !== 'PEER_RESPONSE' || event.record === undefined) continue
            holders.add(event.from.toString())
            if (holders.size >= limits.recordHolders) break
          }
        } catch (error) {
          if (signal.aborted || holders.size === 0) throw error
        }
        // Each record that came was checked, and the newest of them is on the shelf.
        return shelf.record(owner)
      }),

    async whenReady(signal) {
      signal.throwIfAborted()
      if (table.size > 0) return
      const ready = Promise.withResolvers<void>()
      const onAbort = (): void => ready.reject(signal.reason)
      table.addEventListener('peer:add', ready.resolve)
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        await ready.promise
      } finally {
        table.removeEventListener('peer:add', ready.resolve)
        signal.removeEventListener('abort', onAbort)
      }
    },

    stats: () => ({ peers: table.size, ...shelf.counts() }),
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
