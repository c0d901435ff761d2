import type { Door, Refusal, Role, Standing } from '@shoal/trust'

/** A door, which is an encryption handshake that only peers with its secret complete, and the directions in which it is used. */
export interface OpenDoor {
  readonly door: Door
  /** This peer dials others through it. */
  readonly dials: boolean
  /** Others may come in through it. */
  readonly answers: boolean
}

/**
 * Who may connect, and as what. A transport asks it inside the encryption, before a connection exists for anything else:
 * a peer that it refuses causes no event and reaches no protocol.
 */
export interface Admission {
  /** The doors that are open now; of those that dial, the first is tried first. */
  doors(): readonly OpenDoor[]
  onDoors(listener: () => void): void
  /** The frame with which this peer presents itself to the one that it dials. */
  greet(tag: string): Promise<Uint8Array>
  /** Judges the frame of a peer that dials. The answer is sent in any case; a refusal then ends the connection. */
  answer(tag: string, peerId: string, frame: Uint8Array): Promise<AdmissionAnswer>
  /** Judges the answer of the peer that was dialled. @throws {Refusal} */
  accept(tag: string, peerId: string, frame: Uint8Array): Promise<Standing>
  /** Calls back for a member whose standing ends: its connections are closed at once. */
  onEnded(listener: (peerId: string) => void): void
}

export interface AdmissionAnswer {
  readonly frame: Uint8Array
  readonly outcome: Standing | Refusal
}

/** What a connected peer may do here. */
export interface PeerStanding {
  readonly role: Role
  /** On whose account it acts: quotas count per member, whose clients share them. */
  readonly member: string
  /** False in an open swarm, where a peer has invited itself. */
  readonly invited: boolean
}
