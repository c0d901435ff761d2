import type { MembershipEvent } from '@shoal/membership'
import type { ChurnedSwarm } from '../churned-swarm.ts'
import { honestAlive } from '../views.ts'

/** Longer than any siege: the victim never goes on. */
const foreverMs = 3_600_000

/**
 * Lets hostile members go on while nothing else happens, but one honest peer falls silent for ever. No honest life may end
 * besides that one, and that one must.
 *
 * @param trace happenings so far, to which the siege adds its own
 * @param verdictMs longest time until all hold the silent peer dead
 * @param step lets some time pass
 * @returns violations
 */
export async function besiege(
  swarm: ChurnedSwarm,
  trace: readonly string[],
  verdictMs: number,
  step: () => Promise<void>,
): Promise<readonly string[]> {
  const { world } = swarm
  const startMs = world.clock.nowMs()
  const before = trace.length
  const honest = swarm.honest()
  const victim = honest[Math.floor(world.random.unit() * honest.length)]?.name ?? ''
  await swarm.play({ type: 'freeze', peer: victim, durationMs: foreverMs })
  while (world.clock.nowMs() < startMs + verdictMs) await step()
  return [
    ...trace.slice(before).flatMap((line) => falseDeath(swarm, victim, line)),
    ...honest.flatMap(({ name }) =>
      name !== victim && honestAlive(swarm, name).some((life) => life.startsWith(`${victim}@`))
        ? [`besieged, ${name} holds ${victim} alive ${verdictMs} ms after its last sign of life`]
        : [],
    ),
  ]
}

/** The end of an honest life that nothing has disturbed, as an honest peer sees it. */
function falseDeath(swarm: ChurnedSwarm, victim: string, line: string): readonly string[] {
  const { atMs, observer, event } = happening(line)
  if (event === undefined || !swarm.isHonest(observer) || observer === victim) return []
  if (event.type === 'self-expired')
    return [`besieged, a life of ${observer} ended (${event.cause}) at ${atMs}`]
  const ended = event.type === 'peer-dead' || event.type === 'peer-left'
  if (ended && swarm.endedMs(event.peer, event.incarnation) !== undefined) return []
  return ended && swarm.isHonest(event.peer) && event.peer !== victim
    ? [`besieged, ${observer} holds ${event.peer}@${event.incarnation} dead at ${atMs}`]
    : []
}

/** Honest peers that honest peers have shut out. */
export function shutOutHonest(swarm: ChurnedSwarm, trace: readonly string[]): readonly string[] {
  return trace.flatMap((line) => {
    const { atMs, observer, event } = happening(line)
    return event?.type === 'peer-shut-out' && swarm.isHonest(observer) && swarm.isHonest(event.peer)
      ? [`${observer} shut ${event.peer} out at ${atMs}: ${event.why}`]
      : []
  })
}

interface Happening {
  readonly atMs: string
  readonly observer: string
  readonly event: MembershipEvent | undefined
}

/** Reads a line of the trace; without an event when it is none of membership. */
function happening(line: string): Happening {
  const [, atMs = '', observer = '', text] = /^([\d.]+) (\S+) (\{.*\})$/.exec(line) ?? []
  return { atMs, observer, event: text === undefined ? undefined : (JSON.parse(text) as MembershipEvent) }
}
