import type { Random } from '@shoal/host'
import { accomplice, hoarder, omitter, parrot, twoFaced } from './hiders.ts'
import { accuser, confuser, gravedigger } from './liars.ts'
import type { Malice, Puppet } from './puppet.ts'
import { equivocator, flooder, forger, restless } from './wreckers.ts'

const kinds = {
  accuser,
  gravedigger,
  accomplice,
  confuser,
  omitter,
  twoFaced,
  hoarder,
  parrot,
  equivocator,
  forger,
  flooder,
  restless,
} as const satisfies Record<string, (puppet: Puppet) => Malice>

export type MaliceKind = keyof typeof kinds

export const maliceKinds = Object.keys(kinds) as readonly MaliceKind[]

export const maliceOf = (kind: MaliceKind): ((puppet: Puppet) => Malice) => kinds[kind]

/**
 * The most of a swarm that is hostile. Four of 16 are fewer than the five watchers of eight whose votes end a life, however
 * the rings are drawn.
 */
const hostileShareMax = 0.25

/** Who of the names is hostile, and how, as a seed decides: from nobody to a quarter. */
export function castHostile(names: readonly string[], random: Random): ReadonlyMap<string, MaliceKind> {
  const below = (limit: number): number => Math.floor(random.unit() * limit)
  const count = below(Math.floor(hostileShareMax * names.length) + 1)
  const left = [...names]
  return new Map(
    Array.from({ length: count }, () => [
      left.splice(below(left.length), 1)[0]!,
      maliceKinds[below(maliceKinds.length)]!,
    ]),
  )
}
