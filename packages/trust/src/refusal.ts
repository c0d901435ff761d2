/**
 * Why a peer is not let in. Only the code is sent. Each side words the sentence for its own user, and a stranger learns
 * no more than the kind of obstacle.
 */
export const refusalSentences = {
  'no-grant': 'this peer has no valid grant for the swarm: ask one of its admins for an invite',
  expired: 'the grant or the invite has expired: ask an admin of the swarm for a new invite',
  revoked: 'the grant or the invite was revoked by an admin of the swarm',
  spent: 'the invite has been used by another peer already: ask for a new one, and who used it',
  'wrong-pin': 'the PIN is wrong: shoal invite --pin shows it, and three wrong ones end it',
  'no-pin': 'no PIN is open there any more: make a new one with shoal invite --pin',
  full: 'the swarm takes no more peers of this kind now',
  'wrong-swarm': 'the peer there belongs to another swarm',
  ban: 'the swarm has shut this peer out for a while',
} as const

export type RefusalCode = keyof typeof refusalSentences

export const refusalCodes = Object.keys(refusalSentences) as readonly RefusalCode[]

export class Refusal extends Error {
  readonly code: RefusalCode

  constructor(code: RefusalCode) {
    super(refusalSentences[code])
    this.code = code
  }
}
