import type { Clock } from '@shoal/host'
import type { MembershipEvent } from '@shoal/membership'
import type { Rules } from './rules.ts'
import type { Trace } from './trace.ts'

/** Which incarnation every node has, and which of them have ended. */
export interface LifeRecord {
  /** @returns a seed for the next process of this world */
  nextSeed(): number
  /** @returns the incarnation of the node's next life: at least `atLeast`, above all earlier ones */
  nextIncarnation(name: string, atLeast: number): number
  ends(name: string, incarnation: number): void
  endedMs(life: string): number | undefined
  /** Takes an event of the observer's membership into the trace, the rules and this record. */
  hear(observer: string, event: MembershipEvent): void
}

export interface LifeRecordDependencies {
  readonly seed: number
  readonly clock: Clock
  readonly trace: Trace
  readonly rules: Rules
}

export function createLifeRecord({ seed, clock, trace, rules }: LifeRecordDependencies): LifeRecord {
  const incarnations = new Map<string, number>()
  const ended = new Map<string, number>()
  let processes = 0
  return {
    nextSeed: () => (seed * 2_654_435_761 + (processes += 1) * 7919) >>> 0,
    nextIncarnation(name, atLeast) {
      const next = Math.max(atLeast, (incarnations.get(name) ?? 0) + 1)
      incarnations.set(name, next)
      return next
    },
    ends(name, incarnation) {
      const life = `${name}@${incarnation}`
      if (!ended.has(life)) ended.set(life, clock.nowMs())
    },
    endedMs: (life) => ended.get(life),
    hear(observer, event) {
      trace.add(`${observer} ${JSON.stringify(event)}`)
      rules.membershipEvent(observer, event)
      if (event.type === 'self-expired') ended.set(`${observer}@${event.incarnation}`, clock.nowMs())
    },
  }
}
