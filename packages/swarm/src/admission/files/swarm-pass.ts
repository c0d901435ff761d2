import type { Sign, SwarmSecret } from '@shoal/trust'

/** What a member of a private swarm keeps: with it the member needs no invite again. */
export interface SwarmPass {
  readonly swarm: Uint8Array
  readonly secrets: readonly SwarmSecret[]
  /** Its own grant, and those of its issuers. */
  readonly chain: readonly Uint8Array[]
  /** Where members were met, those met last first. */
  readonly addresses: readonly string[]
}

/** A peer's key. */
export interface OwnKey {
  /** Ed25519 public key. */
  readonly key: Uint8Array
  readonly sign: Sign
}
