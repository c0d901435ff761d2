import colours from 'picocolors'
import { printable } from '@shoal/host'
import { formatBytes } from '@shoal/host/node'
import type { GenerateResult, PeerStatus, SwarmStatus } from '@shoal/swarm'

/** Widest bar: an 80-column terminal minus name and state. In larger models several blocks share a cell. */
const barWidthMax = 40

/** A bar with one cell per block (or per few), filled where `held` says so. */
export function blockBar(blockCount: number, held: (block: number) => boolean): string {
  const cells = Math.min(blockCount, barWidthMax)
  return Array.from({ length: cells }, (_, cell) => {
    const start = Math.floor((cell * blockCount) / cells)
    const end = Math.max(start + 1, Math.floor(((cell + 1) * blockCount) / cells))
    // A shared cell counts as held only when all its blocks are.
    for (let block = start; block < end; block += 1) if (!held(block)) return '░'
    return '█'
  }).join('')
}

/** The end of a peer id: its start is the same for all ed25519 keys. */
export const shortPeer = (peer: string): string => (peer.length > 8 ? `…${peer.slice(-7)}` : peer.padEnd(8))

const rangeText = (blocks: readonly [number, number] | null): string =>
  blocks === null ? 'none' : `${blocks[0]}–${blocks[1] - 1}`

/** Names the ranks of a leader, and the leader of a rank. */
function groupText({ peer, group }: PeerStatus, peers: readonly PeerStatus[]): string[] {
  if (group !== undefined) return [`leads ${group.ranks.map(shortPeer).join(', ')}`]
  const leader = peers.find((other) => other.group?.ranks.includes(peer) === true)
  return leader === undefined ? [] : [`rank of ${shortPeer(leader.peer)}`]
}

function peerLine(peer: PeerStatus, blockCount: number, peers: readonly PeerStatus[]): string {
  const bar = blockBar(
    blockCount,
    (block) => peer.blocks !== null && block >= peer.blocks[0] && block < peer.blocks[1],
  )
  const gone = peer.liveness === 'dead' || peer.state === 'left'
  const state = peer.liveness === 'alive' ? peer.state : peer.liveness
  const together = groupText(peer, peers)
  const details = [
    ...(peer.blocks !== null
      ? [`blocks ${rangeText(peer.blocks)}`]
      : together.length === 0
        ? ['asks only']
        : []),
    ...together,
    ...(peer.blocks === null
      ? []
      : [
          ...(peer.device === 'browser tab' ? ['browser tab'] : []),
          formatBytes(peer.memoryBytes),
          `${peer.decodeMsPerBlock.toFixed(2)} ms/block`,
        ]),
    ...(peer.fetchedBytes === undefined || peer.fetchedBytes === 0
      ? []
      : [`fetched ${formatBytes(peer.fetchedBytes)}`]),
    ...(peer.rttMs === null ? [] : [`${peer.rttMs.toFixed(1)} ms away`]),
    ...(peer.path?.kind === 'relayed' ? [`relayed by ${shortPeer(peer.path.relay ?? '')}`] : []),
    ...(peer.path?.kind === 'punched' ? ['through both routers'] : []),
    ...(peer.role === undefined ? [] : [`${peer.role} until ${(peer.until ?? '').slice(0, 10)}`]),
    ...(peer.sessions > 0 ? [`${peer.sessions} sessions`] : []),
  ]
  const line = `  ${shortPeer(peer.peer)}  ${colours.cyan(bar)}  ${state.padEnd(8)}  ${details.join(' · ')}${peer.self ? ' · this peer' : ''}`
  return gone ? colours.dim(line) : line
}

/** Sorts peers in the order in which a token passes them; peers without blocks come last. */
function byBlocks(peers: readonly PeerStatus[]): PeerStatus[] {
  const start = ({ blocks }: PeerStatus): number => blocks?.[0] ?? Number.POSITIVE_INFINITY
  return [...peers].sort((a, b) => start(a) - start(b) || (a.peer < b.peer ? -1 : 1))
}

/** Lines for a terminal that show which peer holds which blocks. */
export function swarmPicture(status: SwarmStatus): string[] {
  const missing = status.coverage.flatMap((holders, block) => (holders === 0 ? [block] : []))
  const coverage =
    missing.length === 0
      ? 'every block is held'
      : `nobody holds block${missing.length > 1 ? 's' : ''} ${missing.join(', ')}`
  const bar = blockBar(status.blockCount, (block) => (status.coverage[block] ?? 0) > 0)
  const problems = status.peers.flatMap(({ peer, problem, liveness }) =>
    problem === undefined || liveness === 'dead' || liveness === 'left'
      ? []
      : [colours.red(`  ${shortPeer(peer)} says: ${printable(problem)}`)],
  )
  return [
    `${status.name === undefined ? '' : `${printable(status.name)} · `}${colours.bold(status.model)} ${status.profile} · ${status.blockCount} blocks · manifest ${status.manifest.slice(0, 12)}`,
    ...byBlocks(status.peers).map((peer) => peerLine(peer, status.blockCount, status.peers)),
    `  ${'all'.padEnd(8)}  ${(missing.length === 0 ? colours.green : colours.red)(bar)}  ${coverage}`,
    ...copiesText(status),
    ...problems,
    ...(status.bans ?? []).map(({ peer, forMs }) =>
      colours.red(
        `  ${shortPeer(peer)} is banned for ${Math.ceil(forMs / 60_000)} more minutes: receipts prove wrong results (shoal audit)`,
      ),
    ),
  ]
}

/** How many peers have the weights; those that only one of several peers has are lost with it. */
function copiesText({ copies, model, peers }: SwarmStatus): string[] {
  // The demo model comes with the program, so every node has all of its weights.
  if (model === 'demo') return []
  if (copies === undefined || peers.filter(({ liveness }) => liveness === 'alive').length < 2) return []
  const single = [
    ...(copies.embedding === 1 ? ['the embedding'] : []),
    ...copies.blocks.flatMap((count, block) => (count === 1 ? [`block ${block}`] : [])),
    ...(copies.head === 1 ? ['the head'] : []),
  ]
  const least = Math.min(copies.embedding, copies.head, ...copies.blocks)
  if (single.length === 0)
    return least === 0 ? [] : [`  weights   all weights are on the disks of at least ${least} peers`]
  const named =
    single.length > 8 ? `${single.slice(0, 8).join(', ')} and ${single.length - 8} more` : single.join(', ')
  return [colours.red(`  weights   only one peer has those of ${named}; they are lost with it`)]
}

/** `peer [0, 2) → peer [2, 4)`. */
export function routeText(
  route: readonly { readonly peer: string; readonly start: number; readonly end: number }[],
): string {
  return route.map(({ peer, start, end }) => `${shortPeer(peer).trim()} [${start}, ${end})`).join(' → ')
}

/** One line about an answer: its length and speed, how many peers computed it, and what became of lost ones. */
export function answerFigures(result: GenerateResult): string {
  const peers = new Set(result.route.map(({ peer }) => peer)).size
  const { completionTokens, tokensPerSecond, ttftMs, failovers } = result
  return [
    `${completionTokens} token${completionTokens === 1 ? '' : 's'}`,
    `${tokensPerSecond.toFixed(1)} tokens/s`,
    `first token after ${Math.round(ttftMs)} ms`,
    ...(peers > 1 ? [`${peers} peers`] : []),
    ...(failovers > 0 ? [`${failovers} lost peer${failovers === 1 ? '' : 's'} replaced`] : []),
  ].join(' · ')
}
