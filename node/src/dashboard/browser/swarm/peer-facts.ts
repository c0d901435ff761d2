import type { PeerStatus, SwarmStatus } from '@shoal/swarm'

type PeerTransfer = NonNullable<SwarmStatus['transfers']>[number]

/** Whether a peer takes no part any more. */
export const isGone = ({ liveness, state }: PeerStatus): boolean =>
  liveness === 'dead' || liveness === 'left' || state === 'left'

/** One word for what a peer does. */
export function conditionOf(peer: PeerStatus): string {
  if (peer.liveness === 'dead') return 'lost'
  if (isGone(peer)) return 'left'
  if (peer.liveness === 'suspect') return 'does not answer'
  if (peer.state === 'joining') return 'joining'
  if (peer.state === 'draining') return 'leaving'
  return peer.blocks === null ? 'asks only' : 'serving'
}

/** The end of a peer id: its beginning is the same for all keys. */
export const shortName = (peer: string): string => (peer.length > 8 ? peer.slice(-7) : peer)

/** Peers in the order in which a token passes them; those without blocks come last. */
export function inOrder(peers: readonly PeerStatus[]): PeerStatus[] {
  const start = ({ blocks }: PeerStatus): number => blocks?.[0] ?? Number.POSITIVE_INFINITY
  return [...peers].sort((a, b) => start(a) - start(b) || (a.peer < b.peer ? -1 : 1))
}

/** Blocks as people count ranges: both ends included. */
export function blocksText(blocks: readonly [number, number] | null): string {
  if (blocks === null) return 'no blocks'
  const [start, end] = blocks
  return end - start === 1 ? `block ${start}` : `blocks ${start}–${end - 1}`
}

export function sizeText(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)} GiB`
  return bytes >= 2 ** 20 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${Math.round(bytes / 1024)} KiB`
}

export function rateText(mbps: number): string {
  return mbps >= 1000 ? `${(mbps / 1000).toFixed(1)} Gbit/s` : `${mbps.toFixed(mbps < 10 ? 1 : 0)} Mbit/s`
}

export const timeText = (ms: number): string => (ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`)

export const holds = ({ blocks }: PeerStatus, block: number): boolean =>
  blocks !== null && block >= blocks[0] && block < blocks[1]

export interface Cell {
  /** First block of the cell, and the one after its last. */
  readonly start: number
  readonly end: number
}

/** A bar of at most `cellsMax` cells for all blocks. */
export function cellsOf(blockCount: number, cellsMax: number): Cell[] {
  const count = Math.min(blockCount, cellsMax)
  return Array.from({ length: count }, (_, index) => ({
    start: Math.floor((index * blockCount) / count),
    end: Math.floor(((index + 1) * blockCount) / count),
  }))
}

/** What a loss would cost: blocks that nobody holds, that one peer alone serves, and whose weights only one peer has. */
export function weakSpots({ coverage, copies, peers }: SwarmStatus): {
  readonly missing: readonly number[]
  readonly single: readonly number[]
  readonly onlyCopy: readonly number[]
} {
  const blocksWith = (counts: readonly number[], wanted: number): number[] =>
    counts.flatMap((count, block) => (count === wanted ? [block] : []))
  const several = peers.filter(({ liveness }) => liveness === 'alive').length > 1
  return {
    missing: blocksWith(coverage, 0),
    single: several ? blocksWith(coverage, 1) : [],
    onlyCopy: several && copies !== undefined ? blocksWith(copies.blocks, 1) : [],
  }
}

/** `0–3, 7` of 0, 1, 2, 3, 7. */
export function rangesText(blocks: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const block of blocks) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === block - 1) last[1] = block
    else ranges.push([block, block])
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ')
}

/** `block 3`, or `blocks 0–3, 7`. */
export const blocksWord = (blocks: readonly number[]): string =>
  `${blocks.length === 1 ? 'block' : 'blocks'} ${rangesText(blocks)}`

/** What came from a peer, and what went wrong with it. */
export function transferText({
  peer,
  receivedBytes,
  wrongPieces,
  failures,
  barredForMs,
}: PeerTransfer): string {
  const words = [
    wrongPieces === 0 ? null : `${wrongPieces} ${wrongPieces === 1 ? 'piece was' : 'pieces were'} wrong`,
    failures === 0 ? null : `${failures} ${failures === 1 ? 'request' : 'requests'} failed`,
    barredForMs === 0 ? null : `not asked for another ${Math.ceil(barredForMs / 1000)} s`,
  ].filter((word) => word !== null)
  return [`${shortName(peer)}: ${sizeText(receivedBytes)}`, ...words].join(' · ')
}

/**
 * What the loss of a peer would mean for the blocks that it serves, by what the peers hold now. Whether another peer has the
 * memory to load them is the plan's matter once the loss has happened.
 */
export function lossText(status: SwarmStatus, { blocks }: PeerStatus): string {
  if (blocks === null) return 'serves no blocks: nothing changes'
  const own = Array.from({ length: blocks[1] - blocks[0] }, (_, index) => blocks[0] + index)
  const open = own.filter((block) => (status.coverage[block] ?? 0) < 2)
  if (open.length === 0) return 'others serve the same blocks: answers go on at once'
  const copies = status.copies?.blocks
  const only = open.filter((block) => copies !== undefined && (copies[block] ?? 0) < 2)
  if (only.length > 0) return `nobody else has the weights of ${blocksWord(only)}: they are lost with it`
  const who =
    copies === undefined
      ? 'a peer that has or fetches their weights'
      : 'another peer that has or fetches a copy of their weights'
  return `answers wait until ${who} serves ${blocksWord(open)}`
}
