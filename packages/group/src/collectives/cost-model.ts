import { algorithms, type Algorithm } from './exchange.ts'
import { lengthOfPieces } from './pieces.ts'

/** What messages between the ranks of a group cost: measured, or guessed from a link. */
export interface ExchangeCosts {
  /** There and back of an empty message. */
  readonly roundTripMs: number
  /** One side's work for one byte: half of what a byte more takes on its way, be that encryption or the link. */
  readonly msPerByte: number
  /** Ranks that can work at the same time: all of them on machines of their own, as many as it has cores on one machine. */
  readonly parallel: number
}

/** Waking up for a message, or for the first of many pieces, beside the time on the way. */
const messageMs = 0.02

/**
 * What a journey costs beside its time: who has to answer may not be on its core just then. On a quiet machine it is; where
 * other programs share the cores, each journey waits for milliseconds now and then (docs/log.md). Where the ranks themselves
 * share them, a core has another rank's work meanwhile, and all of that is counted.
 */
const lateMs = 0.1

/** Adding a byte of one part to a byte of another: 0.17 ms a mebibyte, nearly half of what encrypting it takes (docs/log.md). */
const addMsPerByte = 1.6e-7

/** In passes: one is one rank sending, or receiving, all the rows once; an addition is of all the rows, too. */
interface Work {
  readonly passes: number
  readonly additions: number
  readonly messages: number
}

interface Exchanged {
  /** Journeys after one another. */
  readonly hops: number
  /** What must be done one after the other; messages beyond one for each hop. */
  readonly path: Work
  /** Of all ranks together. */
  readonly total: Work
}

function workOf(algorithm: Algorithm, ranks: number, bytes: number): Exchanged {
  const others = ranks - 1
  const length = bytes / Float32Array.BYTES_PER_ELEMENT
  const piecesFor = (wanted: number): number => Math.ceil(length / lengthOfPieces(length, wanted))
  switch (algorithm) {
    // Everybody sends to all others, receives from all and adds up.
    case 'gather':
      return {
        hops: 1,
        path: { passes: 2 * others, additions: others, messages: 2 * (others - 1) },
        total: { passes: 2 * others * ranks, additions: others * ranks, messages: 2 * others * ranks },
      }
    // The rank with most pieces receives them from all and sends them to all, and likewise with its part of all the others.
    // Where some rank has none, the way of one piece is longer: from all, to all, with nothing else to do meanwhile.
    case 'star': {
      const pieces = piecesFor(ranks)
      const hubs = Math.min(pieces, ranks)
      const own = Math.ceil(pieces / ranks)
      const passes = pieces < ranks ? (4 * others) / pieces : (2 * others * own + 2 * (pieces - own)) / pieces
      return {
        hops: 2,
        path: { passes, additions: (others * own) / pieces, messages: 2 * (others - 1) * Math.min(hubs, 2) },
        total: { passes: 4 * others, additions: others, messages: 4 * others * hubs },
      }
    }
    // The first piece makes the whole way, and behind it the busiest rank handles every piece up to four times, one by one.
    case 'ring': {
      const pieces = piecesFor(1)
      const behind = pieces - 1
      return {
        hops: 2 * others,
        path: {
          passes: (4 * others + Math.min(4, ranks) * behind) / pieces,
          additions: (others + behind) / pieces,
          messages: 0,
        },
        total: { passes: 4 * others, additions: others, messages: 4 * others * pieces },
      }
    }
  }
}

/** Predicted time of one sum over `ranks` ranks of `bytes` each. */
export function predictedExchangeMs(
  algorithm: Algorithm,
  ranks: number,
  bytes: number,
  { roundTripMs, msPerByte, parallel }: ExchangeCosts,
): number {
  if (ranks < 2) return 0
  const { hops, path, total } = workOf(algorithm, ranks, bytes)
  const msOf = ({ passes, additions, messages }: Work): number =>
    passes * bytes * msPerByte + additions * bytes * addMsPerByte + messages * messageMs
  const late = ranks <= parallel ? lateMs : 0
  return Math.max(
    hops * (roundTripMs / 2 + late) + msOf(path),
    msOf(total) / Math.max(1, Math.min(parallel, ranks)),
  )
}

/** The cheapest way by prediction; the first of equals in the order of {@link algorithms}. */
export function chooseAlgorithm(ranks: number, bytes: number, costs: ExchangeCosts): Algorithm {
  const times = algorithms.map((algorithm) => predictedExchangeMs(algorithm, ranks, bytes, costs))
  return algorithms[times.indexOf(Math.min(...times))] ?? 'gather'
}
