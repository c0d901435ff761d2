import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Engine } from '@shoal/swarm'
import { connectClient } from '@shoal/swarm/node'
import { answer } from '../../kills/answer.ts'
import type { MortalSwarm, Range } from '../../kills/mortal-swarm.ts'
import { median } from '../report.ts'

/** Tokens before the loss, and behind it at least. */
const killAt = 24
const after = 24

/** A second coordinator, whose answers have a hot spare. */
export async function openSparedClient(
  swarm: MortalSwarm,
): Promise<{ engine: Engine; close(): Promise<void> }> {
  const client = await connectClient(
    { clock: systemClock, random: systemRandom, logger: silentLogger },
    {
      join: swarm.living().map(({ node }) => node.address),
      dataFolder: swarm.newPath(),
      threads: 1,
      spare: true,
    },
  )
  await client.whenCovered(AbortSignal.timeout(20_000))
  return { engine: await client.engine(), close: () => client.close() }
}

/**
 * Kills a stage of the route in use in mid-answer.
 * @returns the pause in which the loss falls, and the longest one behind the kill, in usual pauses and without one of them: what
 * the change of places cost, and what the repair did that follows
 */
export async function stallStepsWithSpare(
  swarm: MortalSwarm,
  engine: Engine,
  ranges: readonly Range[],
  stage: number,
): Promise<{ readonly takeover: number; readonly longest: number }> {
  const present = (await Promise.all(ranges.map((range) => swarm.staff(range, 2)))).flat()
  const timesMs: number[] = []
  let gone: (typeof present)[number] | undefined
  await answer(
    engine,
    { promptTokens: 32, maxTokens: killAt + after, sampling: { temperature: 0 }, drafts: false },
    (token) => {
      timesMs.push(systemClock.nowMs())
      if (token !== killAt) return
      const peer = engine.answers()[0]?.route[stage]?.peer
      gone = present.find(({ peerId }) => peerId === peer)
      if (gone === undefined) throw new Error('the route has a stage that this bench did not start')
      gone.process.kill('SIGKILL')
    },
  )
  await gone?.stop('SIGKILL')
  const gapsMs = timesMs.slice(1).map((at, index) => at - timesMs[index]!)
  const usualMs = median(gapsMs.slice(2, killAt - 1))
  const behind = gapsMs.slice(killAt - 1).map((ms) => ms / usualMs - 1)
  return { takeover: behind[0]!, longest: Math.max(...behind) }
}
