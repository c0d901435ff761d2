import { createMemoryBudget } from '@shoal/host'
import { rankShare, splitBlocks, type Manifest } from '@shoal/model'
import type { BlockRunner, Device, SumRanks } from '../block-runner.ts'
import { decorateDevice } from '../devices/decorate.ts'
import { sameBits } from '../probe/same-bits.ts'

/**
 * A device whose blocks are computed by one rank on each of `devices` (each has a thread of its own), with sums in rank
 * order in this process: what a group does over the network, without one.
 */
export function rankGroupDevice(
  devices: readonly Device[],
  { config, profile }: Manifest,
  speeds: readonly number[],
): Device {
  const [first] = devices
  if (first === undefined || devices.length !== speeds.length) throw new Error('a device for each rank')
  const split = splitBlocks(config, profile, speeds)
  return decorateDevice(first, {
    async loadBlocks(range, { memory }) {
      const meet = meeting(devices.length)
      const runners = await Promise.all(
        devices.map((device, rank) =>
          device.loadRank(range, {
            share: rankShare(config, profile, split, rank),
            sum: meet(rank),
            // Each rank stands for a machine of its own.
            memory: createMemoryBudget(memory.limitBytes),
          }),
        ),
      )
      return asOne(runners)
    },
    async close() {
      for (const device of devices) await device.close()
    },
  })
}

/** Adds up in rank order once all ranks have brought their part. */
function meeting(ranks: number): (rank: number) => SumRanks {
  let waiting: { readonly rank: number; readonly partial: Float32Array; resolve(sum: Float32Array): void }[] =
    []
  return (rank) => (partial) =>
    new Promise((resolve) => {
      waiting.push({ rank, partial: partial.slice(), resolve })
      if (waiting.length < ranks) return
      const parts = waiting.sort((a, b) => a.rank - b.rank)
      waiting = []
      const sum = new Float32Array(partial.length)
      for (const [index, part] of parts.entries())
        for (const [at, value] of part.partial.entries())
          sum[at] = index === 0 ? value : (sum[at] as number) + value
      for (const part of parts) part.resolve(sum.slice())
    })
}

/** Every call goes to every rank; all must come to the same rows. */
function asOne(runners: readonly BlockRunner[]): BlockRunner {
  const [first] = runners
  if (first === undefined) throw new Error('a group has a rank')
  const all = async <T>(call: (runner: BlockRunner) => Promise<T>): Promise<T> => {
    const results = await Promise.all(runners.map(call))
    return results[0] as T
  }
  return {
    range: first.range,
    hiddenSize: first.hiddenSize,
    open: (session, tokenBudget, part) => all((runner) => runner.open(session, tokenBudget, part)),
    async forward(session, position, hidden) {
      const [rows, ...others] = await Promise.all(
        runners.map((runner) => runner.forward(session, position, hidden)),
      )
      if (rows === undefined || others.some((other) => !sameBits(other, rows)))
        throw new Error('the ranks came to different rows')
      return rows
    },
    length: (session) => first.length(session),
    truncate: (session, length) => all((runner) => runner.truncate(session, length)),
    close: (session) => all((runner) => runner.close(session)),
    async exportKeyValues(session, window) {
      const parts = await Promise.all(runners.map((runner) => runner.exportKeyValues(session, window)))
      return Float32Array.from(parts.flatMap((part) => [...part]))
    },
    importKeyValues: () => Promise.reject(new Error('caches go to the ranks, each its own')),
    memory: () => first.memory(),
    release: () => all((runner) => runner.release()),
  }
}
