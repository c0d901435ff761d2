import { rawKeyOf } from '@shoal/network'
import type { Random } from '@shoal/host'
import {
  limits,
  maySign,
  readGrant,
  Refusal,
  sameBytes,
  signGrant,
  swarmIdOf,
  type Grant,
  type Role,
} from '@shoal/trust'
import type { OwnKey, SwarmPass } from './files/swarm-pass.ts'

export interface GrantSignerDependencies {
  readonly random: Random
  readonly own: OwnKey
  /** The swarm's root key, where the data folder has it: only this key makes admins. */
  readonly root: OwnKey | null
  readonly nowSeconds: () => number
}

/** Signs grants for others, as far as this peer's own role allows. */
export class GrantSigner {
  readonly #dependencies: GrantSignerDependencies

  constructor(dependencies: GrantSignerDependencies) {
    this.#dependencies = dependencies
  }

  /** Whether this peer may give a role. */
  mayGive(role: Role, pass: SwarmPass): boolean {
    if (role === 'admin') return this.#isRootOf(pass)
    const [grant] = pass.chain.map(readGrant)
    return grant !== undefined && maySign(grant.role, role)
  }

  /**
   * A new chain of grants for a peer.
   * @param since when the peer became an admin, which its rank among admins follows: a renewal does not change it
   * @throws {Refusal} `no-grant` when this peer may not give the role
   */
  async chainFor(
    peerId: string,
    role: Role,
    pass: SwarmPass,
    since?: number,
  ): Promise<readonly Uint8Array[]> {
    const { own, root, random, nowSeconds } = this.#dependencies
    const subject = rawKeyOf(peerId)
    if (subject === undefined || !this.mayGive(role, pass)) throw new Refusal('no-grant')
    const from = nowSeconds()
    const common = { swarm: pass.swarm, subject, role, serial: random.bytes(limits.serialBytes) }
    if (role === 'admin' && root !== null) {
      const grant: Grant = {
        ...common,
        from: since ?? from,
        until: from + limits.adminSeconds,
        issuer: root.key,
      }
      return [await signGrant(grant, root.sign)]
    }
    const grant: Grant = { ...common, from, until: from + limits.grantSeconds, issuer: own.key }
    return [await signGrant(grant, own.sign), ...pass.chain]
  }

  #isRootOf({ swarm }: SwarmPass): boolean {
    const { root } = this.#dependencies
    return root !== null && sameBytes(swarmIdOf(root.key), swarm)
  }
}
