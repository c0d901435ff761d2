import { hashFor, toHex } from './bytes.ts'

/**
 * What a secret does to the encryption of a connection: two peers choose it by its name, and the handshake fails unless
 * both know the prologue. Neither tells anything about the secret, which has 128 random bits.
 */
export interface Door {
  /** Part of the name under which the encryption is negotiated, in the clear. */
  readonly tag: string
  readonly prologue: Uint8Array
}

/** The door that all members of a swarm share. */
export const swarmDoor = (secret: Uint8Array): Door => doorOf('swarm', secret)

/** The door of one invite, which only the peer that issued the invite opens. */
export const inviteDoor = (key: Uint8Array): Door => doorOf('invite', key)

function doorOf(kind: 'swarm' | 'invite', secret: Uint8Array): Door {
  return {
    tag: toHex(hashFor(`shoal-tag:1:${kind}:`, secret).subarray(0, 8)),
    prologue: hashFor(`shoal-prologue:1:${kind}:`, secret),
  }
}
