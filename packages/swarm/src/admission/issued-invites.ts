import { ShoalError, type Logger, type Random } from '@shoal/host'
import {
  addInvite,
  fromHex,
  inviteDoor,
  inviteState,
  limits,
  revokeInvite,
  useInvite,
  wrongPin,
  type Door,
  type Invite,
  type InviteWish,
  type RefusalCode,
} from '@shoal/trust'
import { SteadySave } from './files/steady-save.ts'
import type { SwarmFiles } from './files/swarm-files.ts'

export interface IssuedInvitesDependencies {
  readonly files: Pick<SwarmFiles, 'invites' | 'saveInvites'>
  readonly logger: Logger
  readonly random: Random
  readonly nowSeconds: () => number
  /** The open doors have changed. */
  readonly onChange: () => void
}

/**
 * The invites that this peer has issued. Each open one is a door of this peer. While the disk takes no use of an invite,
 * nobody comes in by one: after a restart the invite would open for a second peer.
 */
export class IssuedInvites {
  readonly #dependencies: IssuedInvitesDependencies
  /** The file of the book. */
  readonly file: SteadySave
  #book: readonly Invite[]

  constructor(dependencies: IssuedInvitesDependencies) {
    this.#dependencies = dependencies
    const { files, logger } = dependencies
    this.file = new SteadySave({ what: 'invites', logger, save: () => files.saveInvites(this.#book) })
    this.#book = dependencies.files.invites()
  }

  list(): readonly Invite[] {
    return this.#book
  }

  /**
   * Doors of all invites that have not expired. Used and revoked invites are included, so that a peer that comes too
   * late is told why, and its attempt is listed.
   */
  doors(): readonly Door[] {
    const nowSeconds = this.#dependencies.nowSeconds()
    return this.#book
      .filter(({ pin, expires }) => !pin && nowSeconds <= expires + limits.clockErrorSeconds)
      .slice(-limits.maxOpenInvites)
      .map(({ key }) => inviteDoor(fromHex(key)))
  }

  byId(id: string): Invite | undefined {
    return this.#book.find((invite) => invite.id === id)
  }

  /** The invite whose door has a tag. */
  byTag(tag: string): Invite | undefined {
    return this.#book.find(({ pin, key }) => !pin && inviteDoor(fromHex(key)).tag === tag)
  }

  /** @throws {ShoalError} `limit-exceeded`, `bad-request`, `disk-full` */
  issue(wish: InviteWish): Invite {
    const { random, nowSeconds } = this.#dependencies
    const { book, invite } = addInvite(this.#book, random.bytes(limits.secretBytes), wish, nowSeconds())
    this.#keep(book)
    this.#checkKept()
    return invite
  }

  /**
   * Remembers that a peer came with an invite.
   * @returns why it is refused; null when it may come in @throws {ShoalError} `disk-full`
   */
  use(used: Invite, peer: string): RefusalCode | null {
    const { invite, refusal } = useInvite(used, peer, this.#dependencies.nowSeconds())
    this.#replace(invite)
    if (refusal === null) this.#checkKept()
    return refusal
  }

  /** Remembers a wrong PIN; the third one ends it. @returns the invite; undefined when there is none of this id */
  wrongPin(id: string, peer: string): Invite | undefined {
    return this.#change(id, (invite) => wrongPin(invite, peer, this.#dependencies.nowSeconds()))
  }

  /**
   * Ends an invite, also when that cannot be kept on the disk.
   * @returns the invite; undefined when there is none of this id @throws {ShoalError} `disk-full`
   */
  revoke(id: string): Invite | undefined {
    const revoked = this.#change(id, (invite) => revokeInvite(invite, this.#dependencies.nowSeconds()))
    this.#checkKept()
    return revoked
  }

  #change(id: string, change: (invite: Invite) => Invite): Invite | undefined {
    const found = this.byId(id)
    if (found === undefined) return undefined
    const invite = change(found)
    this.#replace(invite)
    return invite
  }

  state(invite: Invite): ReturnType<typeof inviteState> {
    return inviteState(invite, this.#dependencies.nowSeconds())
  }

  #replace(invite: Invite): void {
    this.#keep(this.#book.map((each) => (each.id === invite.id ? invite : each)))
  }

  #keep(book: readonly Invite[]): void {
    this.#book = book
    this.file.changed()
    this.#dependencies.onChange()
  }

  #checkKept(): void {
    if (this.file.lack !== null)
      throw new ShoalError(
        'disk-full',
        `this cannot be kept in invites.json, and would be forgotten at the next start: ${this.file.lack}`,
      )
  }
}
