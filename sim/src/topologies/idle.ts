import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { Lab, Traffic } from './namespaces.ts'

/** For links to be measured, addresses to settle and connections that nobody uses to close. */
const warmUpMs = 180_000
/** What a node may send while nothing is asked of the swarm, in bytes a second of Ethernet frames. */
const idleBytesPerSecondMost = 300

/** Counts what machines send and receive while nothing is asked of them. @returns what was wrong */
export async function countIdle(
  lab: Lab,
  names: readonly string[],
  countMs: number,
  say: (line: string) => void,
): Promise<readonly string[]> {
  await sleep(systemClock, warmUpMs)
  const startMs = systemClock.nowMs()
  const before = names.map((name) => lab.traffic(name))
  await sleep(systemClock, countMs)
  const seconds = (systemClock.nowMs() - startMs) / 1000
  const wrong: string[] = []
  for (const [index, name] of names.entries()) {
    const [first, last] = [before[index], lab.traffic(name)]
    if (first === undefined) continue
    const per = (key: keyof Traffic): number => (last[key] - first[key]) / seconds
    const sent = per('sentBytes')
    say(
      `${name} sent ${sent.toFixed(0)} B/s in ${per('sentPackets').toFixed(2)} packets/s and received ` +
        `${per('receivedBytes').toFixed(0)} B/s in ${per('receivedPackets').toFixed(2)} packets/s, idle for ${seconds.toFixed(0)} s`,
    )
    if (sent > idleBytesPerSecondMost)
      wrong.push(
        `${name} sent ${sent.toFixed(0)} B/s while it was idle; ${idleBytesPerSecondMost} are allowed`,
      )
  }
  return wrong
}
