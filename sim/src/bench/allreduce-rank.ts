import { ShoalError, silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { Transport } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import { createEcho, createGroupRank, createRankLink, type Algorithm, type RankLink } from '@shoal/group'

/** One measurement: a number of sums one after the other, at every rank. */
export interface SumsRun {
  readonly call: number
  readonly algorithm: Algorithm
  readonly values: number
  readonly count: number
  /** Streams as many bytes as half a block of a 1B model has before each sum, so that caches and code are cold. */
  readonly busy: boolean
}

export interface RankAddress {
  readonly peer: string
  readonly address: string
}

/** A rank that only computes sums, with the channels and the code of real groups. */
export interface BenchRank {
  /** @returns milliseconds of each sum, from this rank's part to the total */
  run(run: SumsRun): Promise<number[]>
  /** Releases the other ranks. */
  close(): void
}

const group = 'bench'
/** 9.2 MB, one of 16 half-blocks of the 1B shape in int4: none is in a cache when its turn comes again. */
const halfBlockNumbers = Math.floor(1.15 * 2 ** 20)
const streamed = new Float64Array(16 * halfBlockNumbers).fill(1)

/** Connects all ranks: each opens channels to the ranks above it. */
export async function connectBenchRank(
  transport: Transport,
  rank: number,
  peers: readonly RankAddress[],
): Promise<BenchRank> {
  const sums: { bytes: number; algorithm: Algorithm }[] = []
  const ranks = createGroupRank({
    clock: systemClock,
    rank,
    peers,
    sums,
    onLost(other, error) {
      throw new Error(`rank ${other} is lost: ${error.message}`)
    },
  })
  const below = new Set<number>()
  const met = Promise.withResolvers<void>()
  const attach = (other: number, link: RankLink): void => ranks.attach(other, link)
  if (rank === 0) met.resolve()
  transport.handle(protocols.group, (channel) => {
    const link = createRankLink(channel, silentLogger)
    const echo = createEcho(link)
    let from: number | null = null
    link.onMessage((message, values) => {
      if (message.type === 'group-echo') echo(message, values)
      if (message.type === 'group-part' && from !== null) ranks.receive(from, message, values)
      if (message.type !== 'group-meet') return
      from = message.rank
      link.widen()
      below.add(from)
      attach(from, link)
      if (below.size === rank) met.resolve()
    })
  })
  for (const [other, { peer, address }] of peers.entries()) {
    if (other <= rank) continue
    transport.learn(peer, [address])
    const link = createRankLink(
      await transport.open(peer, protocols.group, { signal: AbortSignal.timeout(20_000) }),
      silentLogger,
    )
    link.send({ type: 'group-meet', group, rank })
    link.onMessage((message, values) => {
      if (message.type === 'group-part') ranks.receive(other, message, values)
    })
    attach(other, link)
  }
  await met.promise

  return {
    close: () => ranks.close(new ShoalError('cancelled', 'the bench is over')),
    async run({ call, algorithm, values, count, busy }) {
      sums[0] = { bytes: 0, algorithm }
      ranks.collective.begin(call)
      const rows = new Float32Array(values)
      const times: number[] = []
      for (let index = 0; index < count; index += 1) {
        if (busy) stream(index)
        rows.fill(rank + 1)
        const started = performance.now()
        await ranks.collective.sum(rows)
        times.push(performance.now() - started)
        const wanted = (peers.length * (peers.length + 1)) / 2
        if (rows[0] !== wanted || rows.at(-1) !== wanted)
          throw new Error(`the sum is ${rows[0]}, not ${wanted}`)
      }
      return times
    },
  }
}

function stream(turn: number): number {
  const from = (turn % 15) * halfBlockNumbers
  let sum = 0
  for (let index = from; index < from + halfBlockNumbers; index += 1) sum += streamed[index] as number
  return sum
}
