import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { createLibp2pTransport, createPeerKey } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import type { Device } from '@shoal/runtime'
import { grouped, type Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { decodeInterleaved } from './interleaved.ts'
import { describeMachine } from './machine.ts'
import { benchModel } from './model.ts'
import { medians, ratios, round, type BenchReport } from './report.ts'
import { promptTokens, type BenchSettings } from './settings.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** Tokens of one turn: a quarter of a second of a 1B model. */
const turnTokens = 8

/** Where the leader's time goes, since it was last asked. */
interface Meter {
  readonly sumMs: number
  readonly sums: number
  readonly forwardMs: number
  readonly calls: number
}

/**
 * Two processes of one thread each that compute every block together, over encrypted loopback channels, against one
 * process with one thread and with two. The head is computed by the leader alone, on one thread, in both.
 */
export async function benchTensorParallel(settings: BenchSettings): Promise<BenchReport> {
  const model = await benchModel(settings.model, settings.dataFolder, settings.report)
  const open: { close(): Promise<void> }[] = []
  let meter: Meter = noTime
  const samples: Record<string, number[]> = {}
  try {
    settings.report('loading one process with one thread, and with two …')
    const local = async (threads: number): Promise<Engine> => {
      const engine = await openLocalEngine(dependencies, { model, threads, dataFolder: settings.dataFolder })
      open.push(engine)
      return engine
    }
    const [one, two] = [await local(1), await local(2)]
    settings.report('loading two ranks …')
    const rank = await startRankProcess(model, settings.dataFolder)
    open.push(rank)
    const transport = await createLibp2pTransport({ privateKey: await createPeerKey(), clock: systemClock, logger: silentLogger, direct: { protocols: [protocols.group], random: systemRandom } })
    open.push(transport)
    const group = await openLocalEngine(dependencies, {
      model,
      threads: 1,
      dataFolder: settings.dataFolder,
      wrap: (own, manifest) =>
        timedForward(grouped({ ...dependencies, transport, manifest }, timedSums(own, (ms) => (meter = { ...meter, sumMs: meter.sumMs + ms, sums: meter.sums + 1 })), { ranks: [rank.address] }), (ms) => {
          meter = { ...meter, forwardMs: meter.forwardMs + ms, calls: meter.calls + 1 }
        }),
    })
    open.push(group)
    const turns = settings.rounds * Math.ceil(settings.tokens / turnTokens)
    const speeds = await decodeInterleaved([one, two, group], {
      turns,
      turnTokens,
      warmUpTurns: 8,
      report(turn) {
        // The meter counts what is timed.
        if (turn === 0) meter = noTime
        if (turn > 0 && turn % 4 === 0) settings.report(`turn ${turn} of ${turns}`)
      },
    })
    for (const [index, name] of ['OneThread', 'TwoThreads', 'TwoRanks'].entries()) samples[`tokensPerSecond${name}`] = speeds[index]!.map(round)
  } finally {
    for (const one of open.reverse()) await one.close()
  }
  samples['ratioTwoRanks'] = ratios(samples['tokensPerSecondTwoRanks'] ?? [], samples['tokensPerSecondOneThread'] ?? [])
  samples['ratioTwoRanksToTwoThreads'] = ratios(samples['tokensPerSecondTwoRanks'] ?? [], samples['tokensPerSecondTwoThreads'] ?? [])
  const perToken = (ms: number): number => round(ms / Math.max(1, meter.calls))
  return {
    name: 'tensor-parallel',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama-3.2-1B shape',
    settings: { rounds: settings.rounds, tokens: settings.tokens, turnTokens, promptTokens, weights: 'int4:32', split: 'equal' },
    samples,
    median: {
      ...medians(samples),
      blocksMsPerToken: perToken(meter.forwardMs),
      sumsMsPerToken: perToken(meter.sumMs),
      computeAndThreadHopsMsPerToken: perToken(meter.forwardMs - meter.sumMs),
      sumMsMean: round(meter.sumMs / Math.max(1, meter.sums)),
      sumsPerToken: round(meter.sums / Math.max(1, meter.calls)),
    },
    notes: [
      'sums: from the leader\'s part to the total, the other rank\'s lateness included; compute and thread hops: the rest of the time in blocks',
      'blocksMsPerToken and what follows are means over all timed turns, without the head',
    ],
  }
}

const noTime: Meter = { sumMs: 0, sums: 0, forwardMs: 0, calls: 0 }

function timedSums(device: Device, note: (ms: number) => void): Device {
  return {
    ...device,
    loadRank: (range, options) =>
      device.loadRank(range, {
        ...options,
        async sum(partial, computedMs) {
          const started = performance.now()
          const total = await options.sum(partial, computedMs)
          note(performance.now() - started)
          return total
        },
      }),
  }
}

function timedForward(device: Device, note: (ms: number) => void): Device {
  return {
    ...device,
    async loadBlocks(range, options) {
      const runner = await device.loadBlocks(range, options)
      return {
        ...runner,
        async forward(session, position, hidden) {
          const started = performance.now()
          const rows = await runner.forward(session, position, hidden)
          if (rows.length === runner.hiddenSize) note(performance.now() - started)
          return rows
        },
      }
    },
  }
}

async function startRankProcess(model: string, dataFolder: string): Promise<{ readonly address: string; close(): Promise<void> }> {
  const child: ChildProcess = fork(fileURLToPath(new URL('./rank-process.ts', import.meta.url)), [model, dataFolder], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [{ address }] = (await once(child, 'message')) as [{ address: string }]
  return {
    address,
    async close() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
