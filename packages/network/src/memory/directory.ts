import { messageOf, onAbort, ShoalError } from '@shoal/host'
import { admitRecord } from '../directory/admit-record.ts'
import type {
  Directory,
  DirectoryOptions,
  DirectoryStats,
  Provider,
  RecordRules,
} from '../directory/directory.ts'
import { createShelf, type Shelf } from '../directory/shelf.ts'
import type { MemorySwitch } from './network.ts'
import type { MemoryTransport } from './transport.ts'

/**
 * The directory without Kademlia: each peer holds its own shelf, under the same rules and limits, and records and
 * entries are sent to all holders to which connections exist. The memory network decides about delays, cuts and deaths.
 */
export class MemoryDirectory implements Directory {
  readonly #transport: MemoryTransport
  readonly #network: MemorySwitch
  readonly #rules: RecordRules
  readonly #serve: boolean
  readonly #shelf: Shelf
  readonly #waiting = new Set<() => void>()
  readonly #listeners = new Set<(peerId: string) => void>()
  /** The holders that listeners were told of. */
  #known: ReadonlySet<string> = new Set()

  constructor(transport: MemoryTransport, network: MemorySwitch, options: DirectoryOptions) {
    this.#transport = transport
    this.#network = network
    this.#rules = options.rules
    this.#serve = options.serve
    this.#shelf = createShelf(network.clock)
  }

  async provide(topic: string, { signal }: { readonly signal: AbortSignal }): Promise<number> {
    signal.throwIfAborted()
    const own = this.#transport.peerId
    if (!this.#shelf.addProvider(topic, own))
      throw new ShoalError('limit-exceeded', 'this peer has entries under too many topics')
    return this.#tell((holder) => {
      if (!holder.#shelf.addProvider(topic, own))
        throw new ShoalError('limit-exceeded', `${own} has entries under too many topics`)
    }, signal)
  }

  async *providers(topic: string, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<Provider> {
    signal.throwIfAborted()
    const seen = new Set([this.#transport.peerId])
    const fresh = (shelf: Shelf): string[] =>
      shelf.providers(topic).filter((peerId) => !seen.has(peerId) && seen.add(peerId))
    for (const peerId of fresh(this.#shelf)) yield providerOf(peerId)
    for (const holder of this.#holders()) {
      const found = await this.#ask(holder, () => fresh(holder.#shelf), signal)
      for (const peerId of found ?? []) yield providerOf(peerId)
    }
  }

  async publish(record: Uint8Array, { signal }: { readonly signal: AbortSignal }): Promise<number> {
    signal.throwIfAborted()
    const own = this.#transport.peerId
    try {
      await this.admit(own, record)
    } catch (cause) {
      throw new ShoalError('bad-request', `this peer's own record is refused: ${messageOf(cause)}`, { cause })
    }
    return this.#tell((holder) => holder.admit(own, record), signal)
  }

  async find(owner: string, { signal }: { readonly signal: AbortSignal }): Promise<Uint8Array | null> {
    signal.throwIfAborted()
    for (const holder of this.#holders()) {
      await this.#ask(
        holder,
        async () => {
          const record = holder.#shelf.record(owner)
          if (record !== null) await this.admit(owner, record)
        },
        signal,
      )
    }
    return this.#shelf.record(owner)
  }

  async whenReady(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#holders().length > 0) return
    await new Promise<void>((resolve, reject) => {
      const wake = (): void => {
        if (this.#holders().length === 0) return
        this.#waiting.delete(wake)
        stopListening()
        resolve()
      }
      this.#waiting.add(wake)
      const stopListening = onAbort(signal, () => {
        this.#waiting.delete(wake)
        reject(signal.reason)
      })
    })
  }

  peers(): readonly string[] {
    return this.#holders().map((holder) => holder.#transport.peerId)
  }

  onPeer(listener: (peerId: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stats(): DirectoryStats {
    return { peers: this.#holders().length, ...this.#shelf.counts() }
  }

  // ---------------------------------------------------------------- called by the network and by other peers

  neighboursChanged(): void {
    for (const wake of this.#waiting) wake()
    const before = this.#known
    this.#known = new Set(this.peers())
    for (const peerId of this.#known)
      if (!before.has(peerId)) for (const listener of this.#listeners) listener(peerId)
  }

  /** What a holder does with a record that somebody sends it, whoever that is. @throws {ShoalError} */
  async admit(owner: string, record: Uint8Array): Promise<void> {
    await admitRecord(
      this.#shelf,
      this.#rules,
      (peerId, bytes, signature) => this.#transport.verify(peerId, bytes, signature),
      owner,
      record,
    )
  }

  /** Peers that hold the directory and that connections lead to. */
  #holders(): MemoryDirectory[] {
    const reached = new Set([this.#transport.peerId])
    for (const peerId of reached)
      for (const next of this.#network.transport(peerId)?.connected() ?? []) reached.add(next)
    reached.delete(this.#transport.peerId)
    return [...reached].flatMap((peerId) => {
      const directory = this.#network.directory(peerId)
      return directory !== undefined && directory.#serve ? [directory] : []
    })
  }

  async #tell(step: (holder: MemoryDirectory) => void | Promise<void>, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted()
    const told = await Promise.all(
      this.#holders().map((holder) =>
        this.#ask(
          holder,
          async () => {
            await step(holder)
            return true
          },
          signal,
        ),
      ),
    )
    return told.filter((answer) => answer === true).length
  }

  /** There and back. @returns undefined when it refuses or cannot be reached @throws the signal's reason */
  async #ask<Answer>(
    holder: MemoryDirectory,
    question: () => Answer | Promise<Answer>,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const [here, there] = [this.#transport.peerId, holder.#transport.peerId]
    try {
      await this.#network.travel(here, there, signal)
      const answer = await question()
      await this.#network.travel(there, here, signal)
      return answer
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ShoalError)) throw error
      return undefined
    }
  }
}

const providerOf = (peerId: string): Provider => ({ peerId, addresses: [`/memory/${peerId}/p2p/${peerId}`] })
