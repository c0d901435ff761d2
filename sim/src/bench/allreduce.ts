import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { createLibp2pTransport, createPeerKey } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import { algorithms, chooseAlgorithm, measureLinks, type Algorithm, type ExchangeCosts } from '@shoal/group'
import type { RankOrder } from './allreduce-process.ts'
import { connectBenchRank, type BenchRank, type RankAddress, type SumsRun } from './allreduce-rank.ts'
import { bindToCore, unbind } from './bind-to-cores.ts'
import { describeMachine } from './machine.ts'
import { median, medians, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'

/** Numbers of `[1, 2048]`, `[1, 8192]` and `[128, 2048]`, and how many sums make one measurement. */
const sizes: readonly (readonly [number, number])[] = [
  [2048, 60],
  [8192, 40],
  [262_144, 24],
]
const rankCounts = [2, 4]

interface Group {
  readonly own: BenchRank
  readonly children: readonly ChildProcess[]
  readonly costs: ExchangeCosts
  /** Whether each rank has a core, or its share of one. */
  readonly bound: boolean
  close(): Promise<void>
}

/**
 * The time of one sum over the ranks of a group, each in a process of its own on this machine, over encrypted channels:
 * by algorithm, ranks and size, with idle processes and with processes that stream weights in between.
 */
export async function benchAllreduce(settings: BenchSettings): Promise<BenchReport> {
  const samples: Record<string, number[]> = {}
  const ratios: Record<string, number[]> = {}
  const notes: string[] = []
  for (const ranks of rankCounts) {
    settings.report(`${ranks} ranks …`)
    const group = await startGroup(ranks)
    try {
      let call = 0
      const measure = async (run: Omit<SumsRun, 'call'>): Promise<number> => {
        call += 1
        const order: RankOrder = { order: 'run', run: { ...run, call } }
        const others = group.children.map((child) => tell(child, order))
        const times = await group.own.run(order.run)
        await Promise.all(others)
        return median(times)
      }
      // One extra round first, in which the code is compiled.
      for (let turn = -1; turn < settings.rounds; turn += 1) {
        for (const busy of [false, true]) {
          for (const [values, count] of sizes) {
            const times = new Map<Algorithm, number>()
            // The order rotates, so that each algorithm follows a pause, and each other algorithm, equally often.
            for (const index of algorithms.keys()) {
              const algorithm = algorithms[(index + turn + 1) % algorithms.length] as Algorithm
              times.set(algorithm, await measure({ algorithm, values, count, busy }))
            }
            if (turn < 0) continue
            for (const [algorithm, time] of times)
              (samples[`${algorithm}Ms${ranks}Ranks${values}${busy ? 'Busy' : ''}`] ??= []).push(round(time))
          }
        }
      }
      for (const busy of [false, true]) {
        for (const [values] of sizes) {
          const timeOf = (algorithm: Algorithm): number =>
            median(samples[`${algorithm}Ms${ranks}Ranks${values}${busy ? 'Busy' : ''}`] ?? [])
          const chosen = chooseAlgorithm(ranks, values * 4, group.costs)
          const best = Math.min(...algorithms.map(timeOf))
          // Differences below 0.2 ms are noise on a shared machine.
          const ratio = timeOf(chosen) - best <= 0.2 ? 1 : timeOf(chosen) / best
          ;(ratios[ranks === 2 ? 'worstChoiceRatio' : 'worstChoiceRatioFourRanks'] ??= []).push(ratio)
          notes.push(
            `${ranks} ranks, ${values} numbers${busy ? ', busy' : ''}: ${chosen} chosen, ${(timeOf(chosen) / best).toFixed(2)} of the best, ${(timeOf(chosen) - best).toFixed(2)} ms more`,
          )
        }
      }
      const { roundTripMs, msPerByte } = group.costs
      notes.push(
        `${ranks} ranks, ${group.bound ? 'bound to cores' : 'not bound to cores'}: round trip ${roundTripMs.toFixed(3)} ms, ${(msPerByte * 2 ** 20).toFixed(2)} ms for one side's work on a mebibyte`,
      )
    } finally {
      await group.close()
    }
  }
  return {
    name: 'allreduce',
    machine: describeMachine(),
    model: 'none',
    settings: { rounds: settings.rounds, sizes: sizes.map(([values]) => values), ranks: rankCounts },
    samples,
    median: {
      ...medians(samples),
      ...Object.fromEntries(
        Object.entries(ratios).map(([name, values]) => [name, round(Math.max(...values))]),
      ),
    },
    notes: [
      ...notes,
      'worstChoiceRatio counts a choice within 0.2 ms of the best as 1; four ranks share the cores of one machine',
      'a sample is the median of one round',
    ],
  }
}

async function startGroup(ranks: number): Promise<Group> {
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock: systemClock,
    logger: silentLogger,
    direct: { protocols: [protocols.group], random: systemRandom },
  })
  const program = fileURLToPath(new URL('./allreduce-process.ts', import.meta.url))
  const children = Array.from({ length: ranks - 1 }, () =>
    fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
  )
  let own: BenchRank | null = null
  const close = async (): Promise<void> => {
    own?.close()
    unbind(process.pid)
    for (const child of children) child.kill('SIGKILL')
    await transport.close()
  }
  try {
    const others = await Promise.all(
      children.map(async (child) => ((await once(child, 'message')) as [RankAddress])[0]),
    )
    const peers: RankAddress[] = [{ peer: transport.peerId, address: transport.addresses()[0]! }, ...others]
    const joined = children.map((child, index) => tell(child, { order: 'connect', rank: index + 1, peers }))
    own = await connectBenchRank(transport, 0, peers)
    await Promise.all(joined)
    // In this bench the main threads compute the sums.
    const cores = cpus().length
    const bound =
      cores > 1 &&
      [process.pid, ...children.map((child) => child.pid ?? 0)].every((thread, rank) =>
        bindToCore(thread, rank % cores),
      )
    const measured = await measureLinks(
      { transport, clock: systemClock },
      others.map(({ peer, address }) => ({ peer, addresses: [address] })),
      AbortSignal.timeout(20_000),
    )
    return { own, children, costs: { ...measured, parallel: Math.min(ranks, cores) }, bound, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function tell(child: ChildProcess, order: RankOrder): Promise<void> {
  const answered = once(child, 'message')
  child.send(order)
  await answered
}
