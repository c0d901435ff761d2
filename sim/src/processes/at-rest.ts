import { readFileSync } from 'node:fs'
import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { CrewMember } from './crew.ts'

const restMs = 10_000
/** Ticks of Linux's counters in a second. */
const ticksPerSecond = 100
/** Share of one processor that a process without a question may use: one that spins uses all of it. */
const busyShareMost = 0.25

/** Processor time of a process so far, in seconds; null where the system does not tell it in /proc. */
function processorSeconds(pid: number): number | null {
  try {
    // After the name, which may hold spaces: state, parent, …; the 12th and 13th of these are user and system time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  } catch {
    return null
  }
}

/** Whether processes of which nothing is asked are at rest. @returns those that are not, in words */
export async function notAtRest(crew: readonly CrewMember[]): Promise<readonly string[]> {
  const used = (): (number | null)[] => crew.map(({ pid }) => (pid === null ? null : processorSeconds(pid)))
  const before = used()
  await sleep(systemClock, restMs)
  return used().flatMap((after, index) => {
    const first = before[index]
    if (after === null || first === null || first === undefined) return []
    const share = (after - first) / (restMs / 1000)
    return share > busyShareMost
      ? [
          `${crew[index]?.name} uses ${Math.round(share * 100)}% of a processor although nothing is asked of it`,
        ]
      : []
  })
}
