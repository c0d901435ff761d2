import { messageOf, ShoalError } from '@shoal/host'
import { badAddress, peerVanished, RefusedDial } from '../errors.ts'
import { refusalIn } from './admission/refusal-text.ts'

/** Names of libp2p errors for addresses that can never be dialled. */
const neverDialled = new Set([
  'InvalidMultiaddrError',
  'InvalidPeerIdError',
  'NoValidAddressesError',
  'InvalidParametersError',
  'ValidationError',
])

/** Of multistream-select, when the other side knows none of the encryptions that it was offered. */
export const noCommonEncryption = 'Protocol selection failed'

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '')

/** The messages of a libp2p error, which may aggregate those of several addresses. */
export function sentenceOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(sentenceOf).join('; ')
  return messageOf(error)
}

/** Whether every address has answered that nothing listens there, or that no such machine is there. */
function wasRefused(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(wasRefused)
  return /ECONNREFUSED|EHOSTUNREACH|EHOSTDOWN/.test(messageOf(error))
}

/** Maps a failed dial to a ShoalError. An abort keeps the caller's reason. */
export function dialFailure(
  error: unknown,
  peer: string,
  addresses: readonly string[],
  signal: AbortSignal,
): Error {
  if (error instanceof ShoalError) return error
  if (signal.aborted) return signal.reason as Error
  if (neverDialled.has(nameOf(error))) return badAddress(addresses.join(', '), error)
  const sentence = sentenceOf(error)
  const refused = refusalIn(sentence, peer)
  if (refused !== null) return refused
  if (sentence.includes(noCommonEncryption)) return notAdmitted(peer, addresses, error)
  const failure = peerVanished(
    peer,
    `cannot be reached at ${addresses.map((address) => withoutPeer(address, peer)).join(', ')}`,
    new Error(addresses.length === 1 ? plainly(sentence) : sentence, { cause: error }),
  )
  return wasRefused(error) ? new RefusedDial(failure.code, failure.message, { cause: error }) : failure
}

/** The sentence names the peer already: its address without the peer's name is enough. */
const withoutPeer = (address: string, peer: string): string =>
  address.endsWith(`/p2p/${peer}`) ? address.slice(0, -`/p2p/${peer}`.length) : address

/** What the system says of one address, in words and without repeating that address. */
function plainly(sentence: string): string {
  const code = /^(?:connection error \S+: )?connect (E[A-Z]+) \S+(?: - Local \(\S+\))?$/.exec(sentence)?.[1]
  if (code === 'ECONNREFUSED') return 'nothing listens there (ECONNREFUSED)'
  if (/^(?:Missing newline|Incorrect length|Unexpected end of input)$/.test(sentence))
    return `what answers there is no Shoal peer (${sentence})`
  if (code !== 'EHOSTUNREACH' && code !== 'ENETUNREACH') return sentence
  return noWay(code)
}

/** macOS answers so for every address of the local network while the program may not use it. */
export function noWay(code: string, platform: string = process.platform): string {
  const allow =
    platform === 'darwin' ? '; allow this terminal in System Settings, Privacy & Security, Local Network' : ''
  return `no way leads to that machine (${code})${allow}`
}

const notAdmitted = (peer: string, addresses: readonly string[], cause: unknown): ShoalError =>
  new ShoalError(
    'not-admitted',
    `${peer} at ${addresses.join(', ')} belongs to another swarm, or to a private one: ask its admin for an invite (shoal invite)`,
    { cause },
  )

export const isUnsupportedProtocol = (error: unknown): boolean => nameOf(error) === 'UnsupportedProtocolError'

/** Maps a failure to listen: `in-use` for a taken port, `bad-request` for everything else. */
export function listenFailure(error: unknown, listen: readonly string[]): ShoalError {
  const sentence = sentenceOf(error)
  const taken = sentence.includes('EADDRINUSE')
  const what = taken ? 'another program uses the port' : sentence
  return new ShoalError(taken ? 'in-use' : 'bad-request', `cannot listen on ${listen.join(', ')}: ${what}`, {
    cause: error,
  })
}
