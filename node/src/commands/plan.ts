import { statSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { ShoalError } from '@shoal/host'
import { formatBytes } from '@shoal/host/node'
import type { Snapshot } from '@shoal/membership'
import { formatProfile, rankPermille, splitBlocks, type ModelConfig, type NumericProfile } from '@shoal/model'
import type { ByWire, ModelCosts, Objective, Plan, predict, predictByWire } from '@shoal/planner'
import { inContext } from '../cli/context.ts'
import { readUserFile } from '../cli/user-file.ts'
import { deviceFileBytesMax, snapshotOfDevices } from '../cli/device-file.ts'
import { addCommonOptions, addExamples, weightsHelp, type CommonFlags } from '../cli/options.ts'
import type { Output } from '../cli/output.ts'
import { blockBar } from '../cli/picture.ts'
import { loadSwarm } from '../swarm-port.ts'

interface PlanFlags extends CommonFlags {
  readonly model: string
  readonly weights?: string
  readonly devices: string
  readonly objective: Objective
  readonly groups?: boolean
  readonly explain?: boolean
}

const objectives: readonly Objective[] = ['latency', 'throughput', 'balanced']

export function addPlanCommand(program: Command): void {
  const command = program
    .command('plan')
    .description(
      'compute the plan for a list of devices: which of them would hold which blocks, and how fast answers would be',
    )
    .requiredOption(
      '--model <REF>',
      'a folder in Hugging Face layout, a .gguf file, org/name[@revision][:FILE.gguf] on a hub, or demo',
    )
    .requiredOption(
      '--devices <FILE>',
      'JSON: {"devices": [{"name", "memory", "decodeMsPerBlock"}], "rttMs", "links": [{"between", "rttMs"}]}',
    )
    .option('--weights <FORMAT>', `${weightsHelp} (default: int4:128, f32 for demo)`)
    .addOption(new Option('--objective <KIND>', 'what to plan for').choices(objectives).default('latency'))
    .option('--groups', 'plan as if all devices took part in groups (shoal up --groups)')
    .option('--explain', 'also show the plans for the other objectives, and the speed without each device')
  addCommonOptions(command).action(planOnPaper)
  addExamples(command, ['shoal plan --model demo --devices devices.json --explain'])
}

async function planOnPaper(flags: PlanFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async ({ output, logger, signal }) => {
    const devices = snapshotOfDevices(readDeviceFile(flags.devices))
    const snapshot =
      flags.groups === true
        ? { members: devices.members.map((member) => ({ ...member, machine: member.peerId })) }
        : devices
    const [swarm, planner] = await Promise.all([loadSwarm(), import('@shoal/planner')])
    const reference = await swarm.openReference(flags.model, { logger, signal })
    const { config, name } = reference.source
    const profile = await swarm.chooseProfile(reference, flags, signal)
    await reference.source.close()
    const costs = planner.modelCosts(config, profile)
    const shares = (speeds: readonly number[]) => rankPermille(config, profile, speeds)
    const planFor = (objective: Objective, from = snapshot): Plan =>
      planner.plan({ ...from, costs }, { objective, shares })
    const grouping = { canSplit: splits(config, profile), shares }
    const chosen = planFor(flags.objective)
    output.line(
      `${name} ${formatProfile(profile)}: ${costs.blockCount} blocks of ${formatBytes(costs.blockBytes)}, for ${flags.objective}`,
    )
    showPlan(output, chosen, costs, snapshot)
    if (chosen.prediction === null)
      output.line(streamedAdvice(chosen.uncovered, costs, swarm.streamedBytesPerSecond))
    const explained =
      flags.explain === true
        ? {
            byCache: byCache(planner.predict, snapshot, costs, chosen),
            byWire: byWire(planner.predictByWire, snapshot, costs, chosen),
            ...explain(snapshot, flags.objective, planFor),
            groups: planner.planGroups({ ...snapshot, costs }, grouping).grouped,
          }
        : null
    if (explained !== null) {
      showExplained(output, explained)
      output.line('\nseveral devices in one stage:')
      for (const line of planner.explainGroups({ ...snapshot, costs }, grouping)) output.line(`  ${line}`)
    }
    output.result({ model: name, profile: formatProfile(profile), ...chosen, ...explained })
  })
}

/** Tells whether ranks of given speeds can share this model's attention heads and columns. */
function splits(config: ModelConfig, profile: NumericProfile): (speeds: readonly number[]) => boolean {
  return (speeds) => {
    try {
      splitBlocks(config, profile, speeds)
      return true
    } catch {
      return false
    }
  }
}

function readDeviceFile(path: string): string {
  try {
    if (statSync(path).size > deviceFileBytesMax)
      throw new ShoalError('limit-exceeded', `${path} is larger than ${formatBytes(deviceFileBytesMax)}`)
    return readUserFile(path)
  } catch (error) {
    if (error instanceof ShoalError) throw error
    throw new ShoalError('not-found', `the device file ${path} cannot be read`, { cause: error })
  }
}

interface Explained {
  /** TPOT by length of the KV cache: a token takes longer as a conversation grows. */
  readonly byCache: readonly { readonly past: number; readonly tpotMs: number }[]
  /** TPOT and TTFT by how hidden states travel (`--wire`). */
  readonly byWire: readonly {
    readonly wire: ByWire['wire']
    readonly tpotMs: number
    readonly ttftMs: number
    readonly advised: boolean
  }[]
  readonly front: readonly {
    readonly objective: Objective
    readonly tpotMs: number | null
    readonly tokensPerSecond: number | null
  }[]
  /** TPOT without each device; null when the others could not hold the model. */
  readonly without: readonly {
    readonly device: string
    readonly tpotMs: number | null
    readonly slowerMs: number | null
  }[]
}

const tpotMs = (plan: Plan): number | null =>
  plan.prediction === null ? null : plan.prediction.tpotMicros / 1000

/** Cache lengths for which TPOT is shown, before the model's context length. */
const shownPasts = [0, 1024, 4096]

function byCache(
  predictBehind: typeof predict,
  snapshot: Snapshot,
  costs: ModelCosts,
  { route }: Plan,
): Explained['byCache'] {
  // The cost of a group cannot be derived from what its members do alone, and its sums do not depend on the cache.
  if (route.length === 0 || route.some(({ group }) => group !== undefined)) return []
  const pasts = [...shownPasts.filter((past) => past < costs.contextLength), costs.contextLength]
  return pasts.map((past) => ({
    past,
    tpotMs: predictBehind({ ...snapshot, costs }, route, { past }).tpotMicros / 1000,
  }))
}

function byWire(
  predictions: typeof predictByWire,
  snapshot: Snapshot,
  costs: ModelCosts,
  { route }: Plan,
): Explained['byWire'] {
  if (route.length < 2 || route.some(({ group }) => group !== undefined)) return []
  return predictions({ ...snapshot, costs }, route).map(({ wire, tpotMicros, ttftMicros, advised }) => ({
    wire,
    tpotMs: tpotMicros / 1000,
    ttftMs: ttftMicros / 1000,
    advised,
  }))
}

function explain(
  snapshot: Snapshot,
  objective: Objective,
  planFor: (objective: Objective, from?: Snapshot) => Plan,
): Omit<Explained, 'byCache' | 'byWire'> {
  const whole = tpotMs(planFor(objective))
  return {
    front: objectives.map((kind) => {
      const plan = planFor(kind)
      return {
        objective: kind,
        tpotMs: tpotMs(plan),
        tokensPerSecond: plan.prediction?.tokensPerSecond ?? null,
      }
    }),
    without: snapshot.members.map(({ peerId }) => {
      const rest = tpotMs(
        planFor(objective, { members: snapshot.members.filter((member) => member.peerId !== peerId) }),
      )
      return { device: peerId, tpotMs: rest, slowerMs: rest === null || whole === null ? null : rest - whole }
    }),
  }
}

function showPlan(
  output: Output,
  { placements, uncovered, prediction }: Plan,
  costs: ModelCosts,
  snapshot: Snapshot,
): void {
  for (const { peerId } of snapshot.members) {
    const own = placements.filter(({ peer }) => peer === peerId)
    const bar = blockBar(costs.blockCount, (block) =>
      own.some(({ start, end }) => block >= start && block < end),
    )
    output.line(
      `  ${peerId.padEnd(16)}  ${bar}  ${own.map(({ start, end, group }) => `blocks ${start}–${end - 1}${group === undefined ? '' : ` with ${group.ranks.join(', ')}`}`).join(', ') || 'not needed'}`,
    )
  }
  if (prediction === null) {
    output.line(
      `these devices cannot hold blocks ${uncovered.map(({ start, end }) => `${start}–${end - 1}`).join(', ')}: give them more memory, or quantise further with --weights`,
    )
    return
  }
  const { tpotMicros, ttftMicros, promptTokens, tokensPerSecond } = prediction
  output.line(
    `one user: ${(1_000_000 / tpotMicros).toFixed(1)} tokens/s · first token of a prompt of ${promptTokens} after ${Math.round(ttftMicros / 1000)} ms · many users: ${tokensPerSecond.toFixed(1)} tokens/s together`,
  )
}

/** What it would cost that a device reads these blocks from disk in every step. */
function streamedAdvice(
  uncovered: Plan['uncovered'],
  { blockBytes }: ModelCosts,
  bytesPerSecond: number,
): string {
  const blocks = uncovered.reduce((sum, { start, end }) => sum + end - start, 0)
  const seconds = (blocks * blockBytes) / bytesPerSecond
  return `or let one device read them from its disk in every step (shoal up --blocks START:END --stream-weights): some ${seconds.toFixed(seconds < 10 ? 1 : 0)} s more for each token, at ${formatBytes(bytesPerSecond)}/s`
}

function showExplained(output: Output, { byCache, byWire, front, without }: Explained): void {
  const ms = (value: number | null): string =>
    value === null ? 'does not run' : `${value.toFixed(1)} ms a token`
  if (byCache.length > 0)
    output.line(
      `by positions in the KV cache: ${byCache.map(({ past, tpotMs }) => `${past}: ${tpotMs.toFixed(1)} ms`).join(', ')}`,
    )
  for (const { wire, tpotMs, ttftMs } of byWire.filter(({ advised }) => advised))
    output.line(
      `slow links: with --wire ${wire}, which changes answers a little, ${tpotMs.toFixed(1)} ms a token and the first after ${Math.round(ttftMs)} ms`,
    )
  output.line('\nobjectives:')
  for (const { objective, tpotMs, tokensPerSecond } of front)
    output.line(
      `  ${objective.padEnd(16)}  ${ms(tpotMs)}${tokensPerSecond === null ? '' : `, ${tokensPerSecond.toFixed(1)} tokens/s together`}`,
    )
  output.line('\nwithout:')
  for (const { device, tpotMs, slowerMs } of without)
    output.line(
      `  ${device.padEnd(16)}  ${ms(tpotMs)}${slowerMs === null ? '' : ` (${slowerMs >= 0 ? '+' : ''}${slowerMs.toFixed(1)})`}`,
    )
}
