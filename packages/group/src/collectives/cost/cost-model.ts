import { algorithms, type Algorithm } from '../exchange.ts'
import { lengthOfPieces } from '../pieces.ts'

/** What messages between the ranks of a group cost, as measured or as derived from a link. */
export interface ExchangeCosts {
  /** Round trip of an empty message. */
  readonly roundTripMs: number
  /** Work of one side per byte: half of the time that one more byte takes, by encryption or on the link. */
  readonly msPerByte: number
  /** Ranks that can work at the same time: all of them on machines of their own, or as many as one shared machine has cores. */
  readonly parallel: number
}

/** Cost of waking up for a message, or for the first of several pieces, in milliseconds, without the travel time. */
const messageMs = 0.02

/**
 * Delay of each hop beside its travel time, because the receiving thread may not be running at that moment. On a machine
 * whose cores other programs share, a hop waits for milliseconds now and then (docs/log.md). Where the ranks themselves
 * share cores, a core computes for another rank meanwhile, which the total work counts already.
 */
const lateMs = 0.1

/** Cost of adding one part to another, per byte: 0.17 ms per MiB, nearly half of what encrypting takes (docs/log.md). */
const addMsPerByte = 1.6e-7

/** In one pass, one rank sends or receives all rows once; in one addition, it adds all rows once. */
interface Work {
  readonly passes: number
  readonly additions: number
  readonly messages: number
}

interface Exchanged {
  /** Messages that follow each other. */
  readonly hops: number
  /** Work on the critical path. Its messages are those beyond one per hop. */
  readonly path: Work
  /** Work of all ranks together. */
  readonly total: Work
}

function workOf(algorithm: Algorithm, ranks: number, bytes: number): Exchanged {
  const others = ranks - 1
  const length = bytes / Float32Array.BYTES_PER_ELEMENT
  const piecesFor = (wanted: number): number => Math.ceil(length / lengthOfPieces(length, wanted))
  switch (algorithm) {
    // Each rank sends to all others, receives from all and adds up.
    case 'gather':
      return {
        hops: 1,
        path: { passes: 2 * others, additions: others, messages: 2 * (others - 1) },
        total: { passes: 2 * others * ranks, additions: others * ranks, messages: 2 * others * ranks },
      }
    // The rank that adds up most pieces receives them from all ranks and returns them to all, and sends and receives the
    // other pieces once. With fewer pieces than ranks, the critical path is the way of one piece from all and to all.
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
    // The first piece goes all the way round. Behind it, the busiest rank handles each further piece up to four times.
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

/** Predicted time of one sum of `bytes` bytes over `ranks` ranks. */
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

/** The algorithm with the shortest predicted time; of equals the first in {@link algorithms}. */
export function chooseAlgorithm(ranks: number, bytes: number, costs: ExchangeCosts): Algorithm {
  const times = algorithms.map((algorithm) => predictedExchangeMs(algorithm, ranks, bytes, costs))
  return algorithms[times.indexOf(Math.min(...times))] ?? 'gather'
}
