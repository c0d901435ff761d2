import { messageOf, ShoalError } from '@shoal/host'

/** A peer, or the way to it, is gone. */
export function peerVanished(peerId: string, why: string, cause?: unknown): ShoalError {
  const detail = cause === undefined ? '' : `: ${messageOf(cause)}`
  return new ShoalError('peer-vanished', `${peerId} ${why}${detail}`, { cause })
}

/**
 * A dial was answered by a refusal: nothing listens at any address, so the peer's process is gone; or one of the two peers does
 * not admit the other, so that they are in no swarm together (`not-admitted`). Any other failure (no route, no answer, another peer, an address that is not dialled) says nothing about the peer.
 */
export class RefusedDial extends ShoalError {}

/** Text that is no address, or one that can never be dialled (`cause` says why). */
export function badAddress(address: string, cause?: unknown): ShoalError {
  const why =
    cause === undefined
      ? 'is not an address of a peer (expected …/p2p/<peer id>)'
      : `cannot be dialled: ${messageOf(cause)}`
  return new ShoalError('bad-request', `"${address}" ${why}`, { cause })
}

/** The name of a protocol without its version, and the version: `/shoal/session/1` → `/shoal/session`, 1. */
function splitVersion(protocol: string): { base: string; version: number } | undefined {
  const match = /^(.+)\/(\d{1,9})$/.exec(protocol)
  return match?.[1] === undefined ? undefined : { base: match[1], version: Number(match[2]) }
}

/**
 * A peer does not speak `protocol`: the sentence names what it speaks and which side to update.
 * @param spoken the peer's protocols as it told them; empty when it told none
 */
export function wrongVersion(peerId: string, protocol: string, spoken: readonly string[]): ShoalError {
  const ours = splitVersion(protocol)
  const theirs = spoken.flatMap((name) => {
    const split = splitVersion(name)
    return split !== undefined && split.base === ours?.base ? [split.version] : []
  })
  if (ours === undefined || theirs.length === 0) {
    const known = spoken.filter((name) => name.startsWith('/shoal/'))
    const speaks = known.length === 0 ? 'no protocol of Shoal' : known.join(', ')
    return new ShoalError('wrong-version', `${peerId} does not speak ${protocol}; it speaks ${speaks}`)
  }
  const newest = Math.max(...theirs)
  const advice = newest > ours.version ? 'update this peer' : `update ${peerId}`
  return new ShoalError(
    'wrong-version',
    `${peerId} speaks ${ours.base}/${newest}, this peer speaks ${protocol}: ${advice}`,
  )
}
