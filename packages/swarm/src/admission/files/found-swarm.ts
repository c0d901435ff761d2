import type { Logger, Random } from '@shoal/host'
import { limits, signGrant, swarmIdOf } from '@shoal/trust'
import { createRootKey } from './root-key.ts'
import type { OwnKey, SwarmPass } from './swarm-pass.ts'

export interface FoundingDependencies {
  readonly random: Random
  readonly logger: Logger
  readonly nowSeconds: number
}

/**
 * Makes a private swarm: a root key, which stays in the data folder as `root.key` (it may be moved to a safe place, as only
 * new admins need it), a secret, and an admin's grant for this peer.
 */
export async function foundSwarm(
  { random, logger, nowSeconds }: FoundingDependencies,
  folder: string,
  own: OwnKey,
): Promise<SwarmPass> {
  return await foundSwarmWith(await createRootKey(folder, logger), own, random, nowSeconds)
}

/** Makes a private swarm under a root key that exists already. */
export async function foundSwarmWith(
  root: OwnKey,
  own: OwnKey,
  random: Random,
  nowSeconds: number,
): Promise<SwarmPass> {
  const swarm = swarmIdOf(root.key)
  const grant = await signGrant(
    {
      swarm,
      subject: own.key,
      role: 'admin',
      serial: random.bytes(limits.serialBytes),
      from: nowSeconds,
      until: nowSeconds + limits.adminSeconds,
      issuer: root.key,
    },
    root.sign,
  )
  const secret = random.bytes(limits.secretBytes)
  return { swarm, secrets: [{ secret, until: null }], chain: [grant], addresses: [] }
}
