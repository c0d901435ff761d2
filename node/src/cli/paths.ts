import { printable } from '@shoal/host'
import type { PeerStatus, SwarmStatus } from '@shoal/swarm'
import { shortPeer } from './picture.ts'

/** Lines that say how each other peer is reached from here, and why not, or only through a relay. */
export function pathLines({ peers }: SwarmStatus): string[] {
  return peers
    .filter(({ self, state, liveness }) => !self && state !== 'left' && liveness !== 'dead')
    .flatMap((peer) => [`  ${shortPeer(peer.peer)}  ${wayTo(peer)}`, ...failures(peer)])
}

/** The peers of which a user has to know: those that are found and cannot be dialled. */
export function troubledPaths(status: SwarmStatus): string[] {
  const peers = status.peers.filter(({ path, tried = [] }) => path === undefined && tried.length > 0)
  return pathLines({ ...status, peers })
}

function wayTo({ path, tried = [] }: PeerStatus): string {
  if (path?.kind === 'direct') return 'direct'
  if (path?.kind === 'punched') return 'through both routers'
  if (path !== undefined) return `relayed by ${shortPeer(path.relay ?? '').trim()}: ${printable(path.why)}`
  return tried.length === 0 ? 'not connected from here' : 'found, but cannot be dialled from here:'
}

/** For a relayed one its reason has them already. */
const failures = ({ path, tried = [] }: PeerStatus): string[] =>
  path === undefined
    ? tried.map(({ address, outcome }) => `            ${printable(address)}: ${printable(outcome)}`)
    : []
