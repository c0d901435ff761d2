import type { AuditReport, Engine, Progress, SwarmChange, SwarmStatus, WhatIf } from '@shoal/swarm'
import type { ClientOptions, SwarmFunctions } from '../swarm-port.ts'
import { printableLines, ShoalError, timeLimit } from '@shoal/host'
import { threadsOf, type CommandContext } from './context.ts'
import { blockNames, missingBlocks } from './missing-blocks.ts'
import type { AuditKind, JoinFlags, ModelFlags, Placement, Wire } from './options.ts'
import { UsageError } from './usage-error.ts'

export interface OpenedEngine {
  readonly engine: Engine
  /** Null when the engine computes in this process. */
  status(): SwarmStatus | null
  /** Null when the engine computes in this process. */
  audits(): AuditReport | null
  /** Null when the engine computes in this process. */
  whatIf(change: SwarmChange): WhatIf | null
  close(): Promise<void>
}

export interface EngineFlags extends ModelFlags, JoinFlags {
  readonly local?: boolean
  readonly placement?: Placement
  readonly wire?: Wire
  readonly draft?: string
  readonly spare?: boolean
  readonly audit?: AuditKind
}

/** Checks options that exclude or need each other, before anything is opened. @throws {UsageError} */
export function checkEngineFlags(flags: EngineFlags): void {
  const joined = (flags.join?.length ?? 0) > 0
  if (flags.local === true && joined)
    throw new UsageError('--local computes without a swarm and --join asks one: choose one of them')
  if (!joined && flags.model === undefined)
    throw new UsageError(
      'which model? No node runs on this data directory. Give --model REF, --join MULTIADDR to learn it from a swarm, or the --data DIR of a node that runs on this machine',
    )
  if (!joined && flags.manifest !== undefined)
    throw new UsageError('--manifest names a swarm: give --join MULTIADDR too, the address of any Shoal peer')
  if (joined && flags.kv !== undefined)
    throw new UsageError('--kv is chosen when a swarm is created; leave it out with --join')
  if (!joined && flags.draft !== undefined)
    throw new UsageError(
      '--draft proposes tokens to a swarm, which checks several at once: give --join too, or leave --draft out',
    )
  if (!joined && flags.wire !== undefined)
    throw new UsageError(
      '--wire says how hidden states travel between peers: give --join too, or leave it out',
    )
  if (flags.spare === true && flags.wire !== undefined && flags.wire !== 'f32')
    throw new UsageError(
      '--spare compares two routes, whose rows differ with a rounded --wire: leave out one of them',
    )
  if (!joined && flags.spare === true)
    throw new UsageError('--spare is a second route over a swarm: give --join too, or leave --spare out')
  if (!joined && flags.placement === 'thin')
    throw new UsageError(
      '--placement thin lets a peer compute embedding and head: give --join too, or leave --placement out',
    )
}

/** Wait for a swarm that is just loading: enough for a small model. With a larger one the user tries again. */
const coveredTimeoutMs = 30_000
/** A swarm that is up is known after a second or two: only a longer wait is told. */
const tellAfterMs = 2_000

function uncovered(status: SwarmStatus): string {
  return `nobody serves ${blockNames(missingBlocks(status))} of ${status.model}`
}

/** Tells on stderr what a command waits for. */
export const tellWait = (sentence: string): void => void process.stderr.write(`${printableLines(sentence)}\n`)

/** Opens an engine over the swarm that `--join` names, or in this process when `--join` is absent. */
export async function openEngine(
  swarm: SwarmFunctions,
  context: CommandContext,
  flags: EngineFlags,
  onProgress: (progress: Progress) => void,
): Promise<OpenedEngine> {
  const common = {
    dataFolder: context.dataFolder,
    threads: threadsOf(flags),
    onProgress,
    onWait: tellWait,
    signal: context.signal,
  }
  const { model, weights, kv, manifest, join = [] } = flags
  if (join.length === 0 && model !== undefined) {
    const engine = await swarm.openLocalEngine(context, {
      ...common,
      model,
      ...(weights !== undefined && { weights }),
      ...(kv !== undefined && { kv }),
    })
    return { engine, status: () => null, audits: () => null, whatIf: () => null, close: () => engine.close() }
  }
  const options: ClientOptions = {
    ...common,
    join,
    ...(manifest !== undefined && { manifestId: manifest }),
    ...(model !== undefined && { model }),
    ...(weights !== undefined && { weights }),
    ...(flags.draft !== undefined && { draft: flags.draft }),
    ...(flags.wire !== undefined && { wire: flags.wire }),
    ...(flags.spare === true && { spare: true }),
    ...(flags.placement !== undefined && { placement: flags.placement }),
    audits: { reruns: flags.audit === 'reruns' },
  }
  const peer = await swarm.connectClient(context, options)
  try {
    const limit = timeLimit(
      context.clock,
      coveredTimeoutMs,
      () =>
        new ShoalError(
          'no-route',
          `${uncovered(peer.status())}, also after ${coveredTimeoutMs / 1000} s: add a node with shoal up --join ${join[0] ?? ''}, or give a node more --memory`,
        ),
      context.signal,
    )
    const telling = context.clock.after(tellAfterMs, () =>
      tellWait(`waiting up to ${coveredTimeoutMs / 1000} s: ${uncovered(peer.status())}`),
    )
    await peer.whenCovered(limit.signal).finally(() => {
      limit.clear()
      telling.cancel()
    })
    return {
      engine: await peer.engine(),
      status: () => peer.status(),
      audits: () => peer.audits(),
      whatIf: (change) => peer.whatIf(change),
      close: () => peer.close(),
    }
  } catch (error) {
    await peer.close()
    throw error
  }
}
