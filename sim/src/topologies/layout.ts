import type { Site } from './namespaces.ts'

export interface MachinePlan {
  readonly name: string
  /** An address of the internet, or the name of a site. */
  readonly at: string
  /** Behind a firewall, although its address is one of the internet. */
  readonly walled?: true
  /** Words of `shoal up`; the first machine creates the swarm, and the others have its code before these. */
  readonly words: readonly string[]
}

/** A client that stays and that is alone on a machine. */
export interface GuestPlan {
  /** The site where it is. */
  readonly at: string
  /** The machine to which its path is looked at: before anything happens, and afterwards. */
  readonly to: string
  readonly path: 'punched' | 'relayed'
  readonly pathAfter: 'punched' | 'relayed'
  /** Whether its answer cannot go on without a failover. */
  readonly mustFail: boolean
}

/** Machines, the networks between them, and what the swarm has to make of these. */
export interface Layout {
  readonly name: string
  readonly about: string
  readonly sites: Readonly<Record<string, Site & { readonly address: string }>>
  readonly machines: readonly MachinePlan[]
  /** Where the client sits that asks: the site or address of this machine. */
  readonly asker: string
  /** Pairs that are to be connected through both routers. */
  readonly punched?: readonly (readonly [string, string])[]
  /** Pairs that a relay has to join; all others are direct. */
  readonly relayed: readonly (readonly [string, string])[]
  /** Killed in the middle of an answer, while `spare` relays too. */
  readonly killed?: string
  /** Gets another address behind its router in the middle of an answer, and once more while it is stopped. */
  readonly moved?: string
  /** Where the APIs of its machines listen. Default: 127.0.0.1. */
  readonly api?: string
  /** A machine whose address is told and cannot be dialled: `shoal doctor` of the asker has to say so. */
  readonly undialled?: string
  /** Counts what its machines send while nothing is asked of them. */
  readonly idle?: true
  /** A site whose router, in the middle of an answer, drops all packets of UDP for good: punched pairs are relayed then. */
  readonly cut?: string
  /** The site of a browser whose page asks, through a reachable machine, in place of a command. */
  readonly page?: string
  /** Asks in place of a command on the machine of `asker`. */
  readonly guest?: GuestPlan
  /** Joins when the others are connected, so that they are so through `killed`. */
  readonly spare?: string
}
