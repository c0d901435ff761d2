import type { Attack } from '../attack.ts'
import { apiAttacks } from './api.ts'
import { auditAttacks } from './audits.ts'
import { blobAttacks } from './blobs.ts'
import { draftAttacks } from './drafts.ts'
import { memberAttacks } from './members.ts'
import { relayAttacks } from './relays.ts'
import { sessionAttacks } from './sessions.ts'
import { socketAttacks } from './sockets.ts'

export const attacks: readonly Attack[] = [
  ...memberAttacks,
  ...sessionAttacks,
  ...draftAttacks,
  ...auditAttacks,
  ...relayAttacks,
  ...blobAttacks,
  ...socketAttacks,
  ...apiAttacks,
]

/**
 * The attack of this name, or all of them at once; `none` shows how much the figures vary by themselves.
 * @throws {Error} for a name that no attack has
 */
export function attacksNamed(name: string): readonly Attack[] {
  if (name === 'none') return []
  const found = name === 'all' ? attacks : attacks.filter((attack) => attack.name === name)
  if (found.length === 0)
    throw new Error(
      `no attack is named '${name}': none, all, ${attacks.map((attack) => attack.name).join(', ')}`,
    )
  return found
}
