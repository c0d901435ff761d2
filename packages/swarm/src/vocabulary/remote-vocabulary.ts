import { messageOf, ShoalError, sleep, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { ModelConfig } from '@shoal/model'
import type { Transport } from '@shoal/network'
import type { EmbeddingTable, HeadRunner } from '@shoal/runtime'
import { bytesOfHidden } from '@shoal/protocol'
import { unpackBest } from './best-logits.ts'
import { rowsWithin, vocabularyLimits } from './limits.ts'
import { openVocabularyClient, type Question, type VocabularyClient } from './vocabulary-client.ts'
import type { VocabularySource } from './vocabulary.ts'

/** A peer that may be asked for embedding and head. */
export interface VocabularyPeer {
  readonly peer: string
  readonly numericClass: string
}

export interface RemoteVocabularyDependencies {
  readonly transport: Pick<Transport, 'open'>
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Pick<ModelConfig, 'hiddenSize' | 'vocabularySize'>
  /** The best first. */
  candidates(): readonly VocabularyPeer[]
}

/** The numeric class of the peers that compute the head of one answer: another class could draw another token. */
interface Pin {
  numericClass: string | null
}

/** How long a peer that has failed is asked only after all others. */
const avoidMs = 10_000

/**
 * Embedding and head at a peer (thin placement). When that peer is lost, another one of its numeric class is asked, with
 * the same rows and so with the same logits.
 */
export function createRemoteVocabulary(dependencies: RemoteVocabularyDependencies): VocabularySource {
  const { hiddenSize, vocabularySize } = dependencies.config
  const peers = new AskedPeers(dependencies)

  const embeddingOf = (): EmbeddingTable => ({
    async lookup(tokenIds) {
      const rowsMax = rowsWithin(vocabularyLimits.answerBytes, hiddenSize)
      const all = new Float32Array(tokenIds.length * hiddenSize)
      for (let from = 0; from < tokenIds.length; from += rowsMax) {
        const ids = Uint32Array.from(tokenIds.slice(from, from + rowsMax))
        const payload = new Uint8Array(ids.buffer)
        const wanted = { values: ids.length * hiddenSize, pin: null }
        const answer = await peers.ask({ type: 'embed', rows: ids.length }, payload, wanted)
        all.set(floatsOf(answer), from * hiddenSize)
      }
      return all
    },
    release: () => Promise.resolve(),
  })

  const headOf = (best: number): HeadRunner => {
    const pin: Pin = { numericClass: null }
    const answerValues = best === 0 ? vocabularySize : 2 * best
    const rowsMax = Math.min(
      rowsWithin(vocabularyLimits.requestBytes, hiddenSize),
      rowsWithin(vocabularyLimits.answerBytes, vocabularySize),
    )
    return {
      async logits(hidden, into) {
        const count = hidden.length / hiddenSize
        const all = into?.subarray(0, count * vocabularySize) ?? new Float32Array(count * vocabularySize)
        for (let from = 0; from < count; from += rowsMax) {
          const rows = Math.min(rowsMax, count - from)
          const asked = bytesOfHidden(hidden.subarray(from * hiddenSize, (from + rows) * hiddenSize))
          const wanted = { values: rows * answerValues, pin }
          const answer = await peers.ask({ type: 'logits', rows, best }, asked, wanted)
          const own = all.subarray(from * vocabularySize, (from + rows) * vocabularySize)
          if (best === 0) own.set(floatsOf(answer))
          else unpackBest(answer, { rows, best }, own)
        }
        return all
      },
      release: () => Promise.resolve(),
    }
  }
  return {
    for: (best) => ({ embedding: embeddingOf(), head: headOf(best) }),
    release: () => peers.close(),
  }
}

const floatsOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Float32Array =>
  new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT)

interface Wanted {
  /** Of four bytes, in the answer. */
  readonly values: number
  /** Peers of this class only; the class of the first peer that answers is noted there; null: any peer. */
  readonly pin: Pin | null
}

/** The channel to the peer that is asked, and the peers that have failed. */
class AskedPeers {
  readonly #dependencies: RemoteVocabularyDependencies
  readonly #avoidedUntilMs = new Map<string, number>()
  #open: Promise<VocabularyClient> | null = null
  #asked: VocabularyPeer | null = null
  #closed = false

  constructor(dependencies: RemoteVocabularyDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Asks until somebody answers.
   * @throws {ShoalError} `no-route` when nobody has answered for `replacementWaitMs`
   */
  async ask(question: Question, payload: Uint8Array, { values, pin }: Wanted): Promise<Uint8Array> {
    const { clock, logger } = this.#dependencies
    const startedMs = clock.nowMs()
    let reason = 'no peer that serves blocks is known'
    for (;;) {
      if (this.#closed) throw new ShoalError('cancelled', 'this client has closed')
      const peer = this.#choose(pin?.numericClass ?? null)
      if (peer !== null)
        try {
          const client = await this.#clientOf(peer)
          const answer = await client.ask(question, payload)
          if (answer.byteLength !== values * Float32Array.BYTES_PER_ELEMENT)
            throw new ShoalError(
              'bad-frame',
              `${peer.peer} sent ${answer.byteLength} bytes in place of ${values} values`,
            )
          if (pin !== null) pin.numericClass ??= peer.numericClass
          return answer
        } catch (error) {
          reason = messageOf(error)
          logger.warn('vocabulary-peer-failed', { peer: peer.peer, reason })
          await this.#drop(peer)
          if (this.#hasFresh(pin?.numericClass ?? null)) continue
        }
      if (clock.nowMs() - startedMs > vocabularyLimits.replacementWaitMs)
        throw new ShoalError(
          'no-route',
          `nobody computes embedding and head for this client: ${reason}. Give a node more --memory, or leave --placement thin out`,
        )
      await sleep(clock, vocabularyLimits.retryMs)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const open = await this.#open?.catch(() => null)
    await open?.close()
  }

  /** The peer that is asked already, else the best one; one that has failed lately only when there is no other. */
  #choose(numericClass: string | null): VocabularyPeer | null {
    const fitting = this.#fitting(numericClass)
    const asked = fitting.find(({ peer }) => peer === this.#asked?.peer)
    if (asked !== undefined) return asked
    return fitting.find((peer) => this.#isFresh(peer)) ?? fitting[0] ?? null
  }

  #fitting(numericClass: string | null): readonly VocabularyPeer[] {
    const all = this.#dependencies.candidates()
    return numericClass === null ? all : all.filter((peer) => peer.numericClass === numericClass)
  }

  #isFresh({ peer }: VocabularyPeer): boolean {
    return (this.#avoidedUntilMs.get(peer) ?? 0) <= this.#dependencies.clock.nowMs()
  }

  #hasFresh(numericClass: string | null): boolean {
    return this.#fitting(numericClass).some((peer) => this.#isFresh(peer))
  }

  async #clientOf(peer: VocabularyPeer): Promise<VocabularyClient> {
    const { transport, clock } = this.#dependencies
    const known = this.#asked?.peer === peer.peer ? await this.#open : null
    if (known !== null && !known.closed) return known
    this.#asked = peer
    const { openTimeoutMs } = vocabularyLimits
    const limit = timeLimit(
      clock,
      openTimeoutMs,
      () => new ShoalError('deadline-passed', `${peer.peer} opened no channel for ${openTimeoutMs} ms`),
    )
    this.#open = openVocabularyClient(transport, clock, peer.peer, limit.signal).finally(() => limit.clear())
    return this.#open
  }

  async #drop(peer: VocabularyPeer): Promise<void> {
    this.#avoidedUntilMs.set(peer.peer, this.#dependencies.clock.nowMs() + avoidMs)
    if (this.#asked?.peer !== peer.peer) return
    const open = this.#open
    this.#asked = null
    this.#open = null
    const client = await open?.catch(() => null)
    await client?.close()
  }
}
