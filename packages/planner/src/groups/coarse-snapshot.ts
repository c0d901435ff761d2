import type { SnapshotMember } from '@shoal/membership'
import { decodeMicros, planningPast } from '../costs/compute.ts'
import { bytesPerSecond, rttMicros } from '../costs/links.ts'
import type { PlannerSnapshot } from '../snapshot.ts'

/** Links with shorter round trips, and higher rates, count as equal: those of one local network, also under load. */
const nearRttMicros = 16_000
const fastBytesPerSecond = 5_000_000

/** Peers that take at most so many times as long as the fastest one count as equal to it. */
const nearlyFastest = 4

/** Beyond these, values closer than this factor count as equal, unless a boundary lies between them. */
const step = 8

/**
 * The snapshot with times and rates on scales so coarse that measurements of equal peers come out equal. Groups are
 * chosen from it where they are needed for memory: measurements that change while a group is being formed then
 * seldom change which peers form it.
 */
export function coarseSnapshot(snapshot: PlannerSnapshot): PlannerSnapshot {
  const { members } = snapshot
  const microsOf = ({ hardware }: SnapshotMember): number => decodeMicros(hardware, planningPast)
  const fastest = Math.max(1, Math.min(...members.map(microsOf)))
  return {
    ...snapshot,
    members: members.map((member) => {
      const others = members.filter(({ peerId }) => peerId !== member.peerId)
      return {
        ...member,
        links: Object.fromEntries(
          others.map((other) => [other.peerId, coarse(rttMicros(member, other), nearRttMicros)]),
        ),
        rates: Object.fromEntries(
          others.map((other) => {
            const rate = bytesPerSecond(member, other)
            return [other.peerId, Math.floor(fastBytesPerSecond / coarse(fastBytesPerSecond / rate, 1))]
          }),
        ),
        hardware: {
          ...member.hardware,
          decodeMicrosPerBlock: coarse(microsOf(member), nearlyFastest * fastest),
          decodeMicrosPer1024Past: 0,
        },
      }
    }),
  }
}

/** The next of `least`, `least · step`, `least · step²` … that is no smaller. */
function coarse(value: number, least: number): number {
  let rounded = least
  while (rounded < value) rounded *= step
  return rounded
}
