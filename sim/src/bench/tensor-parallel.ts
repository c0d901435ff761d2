import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { createLibp2pTransport, createPeerKey } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import { decorateDevice, decorateHead, decorateRunner, type Device } from '@shoal/runtime'
import type { GroupRunner } from '@shoal/group'
import { formatProfile } from '@shoal/model'
import { createGroupDevice, type Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { bindToCore, computeThreads } from './bind-to-cores.ts'
import { decodeInterleaved } from './interleaved.ts'
import { describeMachine } from './machine.ts'
import { benchModel } from './model.ts'
import { medians, ratios, round, type BenchReport } from './report.ts'
import { promptTokens, type BenchSettings } from './settings.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** Tokens of one turn: a quarter of a second of a 1B model. */
const turnTokens = 8
/** Medians of twenty turns came out anywhere within a tenth on a machine that is shared. */
const turnsPerRound = 12

/** Where the leader's time goes, since it was last asked. */
interface Meter {
  readonly forwardMs: number
  readonly headMs: number
  readonly calls: number
}

/**
 * Two processes of one thread each that compute every block together, over encrypted loopback channels, against one
 * process with one thread and with two. The head is shared by the ranks as well.
 */
export async function benchTensorParallel(settings: BenchSettings): Promise<BenchReport> {
  const { dataFolder, weights } = settings
  const model = await benchModel(settings.model, dataFolder, settings.report)
  const open: { close(): Promise<void> }[] = []
  let bound = false
  let meter: Meter = noTime
  let leader: GroupRunner | null = null
  let before: Promise<Spent> = Promise.resolve(nothing)
  let [sumsBefore, sumsAfter] = [nothing, nothing]
  const samples: Record<string, number[]> = {}
  let profile = ''
  try {
    settings.report('loading one process with one thread, and with two …')
    const local = async (threads: number): Promise<Engine> => {
      const engine = await openLocalEngine(dependencies, { model, weights, threads, dataFolder })
      open.push(engine)
      return engine
    }
    const [one, two] = [await local(1), await local(2)]
    profile = formatProfile(one.manifest.manifest.profile)
    settings.report('loading two ranks …')
    const rank = await startRankProcess(model, dataFolder, weights)
    open.push(rank)
    const transport = await createLibp2pTransport({
      privateKey: await createPeerKey(),
      clock: systemClock,
      logger: silentLogger,
      direct: { protocols: [protocols.group], random: systemRandom },
    })
    open.push(transport)
    const others = computeThreads(process.pid)
    const group = await openLocalEngine(dependencies, {
      model,
      weights,
      threads: 1,
      dataFolder,
      wrap: (own, manifest) =>
        timed(
          createGroupDevice({ ...dependencies, transport, manifest }, own, { ranks: [rank.address] }),
          (runner) => (leader = runner),
          (times) => {
            meter = {
              forwardMs: meter.forwardMs + (times.forwardMs ?? 0),
              headMs: meter.headMs + (times.headMs ?? 0),
              calls: meter.calls + (times.forwardMs === undefined ? 0 : 1),
            }
          },
        ),
    })
    open.push(group)
    // Each one's first: threads that onnxruntime starts have their name.
    const threads = [
      computeThreads(process.pid).filter((thread) => !others.includes(thread)),
      computeThreads(rank.processId),
    ].flatMap(([first]) => (first === undefined ? [] : [first]))
    bound = cpus().length > 1 && threads.length === 2 && threads.every(bindToCore)
    const turns = settings.rounds * Math.max(turnsPerRound, Math.ceil(settings.tokens / turnTokens))
    const speeds = await decodeInterleaved([one, two, group], {
      turns,
      turnTokens,
      warmUpTurns: 8,
      report(turn) {
        // The meter counts what is timed.
        if (turn === 0) {
          meter = noTime
          before = spentBy(leader)
        }
        if (turn > 0 && turn % 10 === 0) settings.report(`turn ${turn} of ${turns}`)
      },
    })
    ;[sumsBefore, sumsAfter] = [await before, await spentBy(leader)]
    for (const [index, name] of ['OneThread', 'TwoThreads', 'TwoRanks'].entries())
      samples[`tokensPerSecond${name}`] = speeds[index]!.map(round)
  } finally {
    for (const one of open.reverse()) await one.close()
  }
  samples['ratioTwoRanks'] = ratios(
    samples['tokensPerSecondTwoRanks'] ?? [],
    samples['tokensPerSecondOneThread'] ?? [],
  )
  samples['ratioTwoRanksToTwoThreads'] = ratios(
    samples['tokensPerSecondTwoRanks'] ?? [],
    samples['tokensPerSecondTwoThreads'] ?? [],
  )
  const sums = { sums: sumsAfter.sums - sumsBefore.sums, ms: sumsAfter.ms - sumsBefore.ms }
  const perToken = (ms: number): number => round(ms / Math.max(1, meter.calls))
  return {
    name: 'tensor-parallel',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama-3.2-1B shape',
    settings: {
      rounds: settings.rounds,
      tokens: settings.tokens,
      turnTokens,
      promptTokens,
      weights: profile,
      split: 'equal',
      ranksBoundToCores: bound,
    },
    samples,
    median: {
      ...medians(samples),
      blocksMsPerToken: perToken(meter.forwardMs),
      headMsPerToken: perToken(meter.headMs),
      sumsMsPerToken: perToken(sums.ms),
      computeAndThreadHopsMsPerToken: perToken(meter.forwardMs - sums.ms),
      sumMsMean: round(sums.ms / Math.max(1, sums.sums)),
      sumsPerToken: round(sums.sums / Math.max(1, meter.calls)),
    },
    notes: [
      "with ranksBoundToCores each rank's computing thread has a core, as MPI binds ranks; Linux otherwise puts two processes that wake each other on one core for long stretches",
      "sums: from the leader's part to the total in its computing thread, the other rank's lateness included; compute and thread hops: the rest of the time in blocks",
      'blocksMsPerToken and what follows are means over all timed turns; the ranks share the head as well',
    ],
  }
}

const noTime: Meter = { forwardMs: 0, headMs: 0, calls: 0 }

interface Spent {
  readonly sums: number
  readonly ms: number
}

const nothing: Spent = { sums: 0, ms: 0 }

/** By the leader's computing thread, so far. */
async function spentBy(leader: GroupRunner | null): Promise<Spent> {
  const spent = (await leader?.sumsInThread(AbortSignal.timeout(10_000))) ?? nothing
  if (spent.sums === 0)
    throw new Error('the ranks have no lanes between their threads: the sums cannot be measured')
  return spent
}

function timed(
  device: Device,
  onRunner: (runner: GroupRunner) => void,
  note: (times: { readonly forwardMs?: number; readonly headMs?: number }) => void,
): Device {
  return decorateDevice(device, {
    async loadHead(vocabulary) {
      const head = await device.loadHead(vocabulary)
      return decorateHead(head, {
        async logits(hidden, into) {
          const started = performance.now()
          const logits = await head.logits(hidden, into)
          note({ headMs: performance.now() - started })
          return logits
        },
      })
    },
    async loadBlocks(range, options) {
      const runner = await device.loadBlocks(range, options)
      if ('sumsInThread' in runner) onRunner(runner as GroupRunner)
      return decorateRunner(runner, {
        async forward(session, position, hidden) {
          const started = performance.now()
          const rows = await runner.forward(session, position, hidden)
          if (rows.length === runner.hiddenSize) note({ forwardMs: performance.now() - started })
          return rows
        },
      })
    },
  })
}

async function startRankProcess(
  model: string,
  dataFolder: string,
  weights: string | undefined,
): Promise<{ readonly address: string; readonly processId: number; close(): Promise<void> }> {
  const child: ChildProcess = fork(
    fileURLToPath(new URL('./rank-process.ts', import.meta.url)),
    [model, dataFolder, ...(weights === undefined ? [] : [weights])],
    { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  )
  const [{ address }] = (await once(child, 'message')) as [{ address: string }]
  return {
    address,
    processId: child.pid ?? 0,
    async close() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
