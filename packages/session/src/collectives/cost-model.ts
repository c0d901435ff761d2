import { algorithms, type Algorithm } from './exchange.ts'

/** What messages between the ranks of a group cost: measured, or guessed from a link. */
export interface ExchangeCosts {
  /** There and back of an empty message. */
  readonly roundTripMs: number
  /** One side's work for one byte: encrypting, or decrypting, or pushing it through the link, whichever is slowest. */
  readonly msPerByte: number
  /** Ranks that can work at the same time: all of them on machines of their own, as many as it has cores on one machine. */
  readonly parallel: number
}

/** One side's work for a message whatever its size, beside the time on the way. */
const messageMs = 0.02

/** Bytes of one piece of the ring. */
const chunkBytes = 64 * 1024

/** Work in passes: one pass is one rank sending, or receiving, all the rows once. */
interface Work {
  /** Journeys after one another. */
  readonly hops: number
  /** Passes that must follow one another, and messages on that path beyond one for each hop. */
  readonly passes: number
  readonly messages: number
  /** Of all ranks together. */
  readonly totalPasses: number
  readonly totalMessages: number
}

function workOf(algorithm: Algorithm, ranks: number, bytes: number): Work {
  const others = ranks - 1
  switch (algorithm) {
    // A leaf sends, the hub receives from all and sends to all, a leaf receives.
    case 'star':
      return { hops: 2, passes: 2 + 2 * others, messages: 2 * (others - 1), totalPasses: 4 * others, totalMessages: 4 * others }
    // Everybody sends to all others, then receives from all.
    case 'gather':
      return { hops: 1, passes: 2 * others, messages: 2 * (others - 1), totalPasses: 2 * others * ranks, totalMessages: 2 * others * ranks }
    // Pieces follow one another: the first one makes the whole way, and behind it each rank handles every piece four times.
    case 'ring': {
      const chunks = Math.max(1, Math.ceil(bytes / chunkBytes))
      return { hops: 2 * others, passes: (4 * others + 4 * (chunks - 1)) / chunks, messages: 4 * (chunks - 1), totalPasses: 4 * others, totalMessages: 4 * others * chunks }
    }
  }
}

/** Predicted time of one sum over `ranks` ranks of `bytes` each. */
export function predictedExchangeMs(algorithm: Algorithm, ranks: number, bytes: number, { roundTripMs, msPerByte, parallel }: ExchangeCosts): number {
  if (ranks < 2) return 0
  const { hops, passes, messages, totalPasses, totalMessages } = workOf(algorithm, ranks, bytes)
  const path = (hops * roundTripMs) / 2 + passes * bytes * msPerByte + messages * messageMs
  const work = (totalPasses * bytes * msPerByte + totalMessages * messageMs) / Math.max(1, Math.min(parallel, ranks))
  return Math.max(path, work)
}

/** The cheapest way by prediction; the first of equals in the order of {@link algorithms}. */
export function chooseAlgorithm(ranks: number, bytes: number, costs: ExchangeCosts): Algorithm {
  const times = algorithms.map((algorithm) => predictedExchangeMs(algorithm, ranks, bytes, costs))
  return algorithms[times.indexOf(Math.min(...times))] ?? 'gather'
}
