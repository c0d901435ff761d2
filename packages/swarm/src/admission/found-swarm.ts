import { join } from 'node:path'
import type { Logger, Random } from '@shoal/host'
import { loadOrCreateKey } from '@shoal/host/node'
import { createPeerKey, signerOf } from '@shoal/network'
import { limits, signGrant, swarmIdOf } from '@shoal/trust'
import type { OwnKey, SwarmPass } from './swarm-pass.ts'

export interface FoundingDependencies {
  readonly random: Random
  readonly logger: Logger
  readonly nowSeconds: number
}

/** Term of an admin's grant: as long as the machine is kept, and renewed at each start where the root key is. */
const adminSeconds = 365 * 24 * 3600

/**
 * Makes a private swarm: a root key, which stays in the data folder as `root.key` (it may be moved to a safe place, as only
 * new admins need it), a secret, and an admin's grant for this peer.
 */
export async function foundSwarm(
  { random, logger, nowSeconds }: FoundingDependencies,
  folder: string,
  own: OwnKey,
): Promise<SwarmPass> {
  const root = signerOf(await loadOrCreateKey(join(folder, 'root.key'), createPeerKey, logger))
  const swarm = swarmIdOf(root.key)
  const grant = await signGrant(
    {
      swarm,
      subject: own.key,
      role: 'admin',
      serial: random.bytes(limits.serialBytes),
      from: nowSeconds,
      until: nowSeconds + adminSeconds,
      issuer: root.key,
    },
    root.sign,
  )
  const secret = random.bytes(limits.secretBytes)
  return { swarm, secrets: [{ secret, until: null }], chain: [grant], addresses: [] }
}
