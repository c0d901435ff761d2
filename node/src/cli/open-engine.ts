import type { AuditReport, Engine, Progress, SwarmStatus } from '@shoal/swarm'
import type { ClientOptions, SwarmFunctions } from '../swarm-port.ts'
import { ShoalError, timeLimit } from '@shoal/host'
import { threadsOf, type CommandContext } from './context.ts'
import type { AuditKind, JoinFlags, ModelFlags } from './options.ts'
import { UsageError } from './usage-error.ts'

export interface OpenedEngine {
  readonly engine: Engine
  /** Null when the engine computes in this process. */
  status(): SwarmStatus | null
  /** Null when the engine computes in this process. */
  audits(): AuditReport | null
  close(): Promise<void>
}

export interface EngineFlags extends ModelFlags, JoinFlags {
  readonly local?: boolean
  readonly placement?: string
  readonly audit?: AuditKind
}

/** Checks options that exclude or need each other, before anything is opened. @throws {UsageError} */
export function checkEngineFlags(flags: EngineFlags): void {
  const joined = (flags.join?.length ?? 0) > 0
  if (flags.local === true && joined)
    throw new UsageError('--local computes without a swarm and --join asks one: choose one of them')
  if (!joined && flags.model === undefined)
    throw new UsageError('which model? Give --model REF, or --join MULTIADDR to learn it from a swarm')
  if (!joined && flags.manifest !== undefined)
    throw new UsageError('--manifest names a swarm: give --join MULTIADDR too, the address of any Shoal peer')
  if (joined && flags.kv !== undefined)
    throw new UsageError('--kv is chosen when a swarm is created; leave it out with --join')
  if (flags.placement === 'thin')
    throw new UsageError(
      '--placement thin is not supported yet; leave it out to keep embedding and head here',
    )
}

/** Wait for a swarm that is just loading: enough for a small model. With a larger one the user tries again. */
const coveredTimeoutMs = 60_000

function uncovered(status: SwarmStatus): string {
  const missing = status.coverage.flatMap((holders, block) => (holders === 0 ? [block] : []))
  return `nobody holds block${missing.length === 1 ? '' : 's'} ${missing.join(', ')} of ${status.model}: add a node with shoal up --join`
}

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
    return { engine, status: () => null, audits: () => null, close: () => engine.close() }
  }
  const options: ClientOptions = {
    ...common,
    join,
    ...(manifest !== undefined && { manifestId: manifest }),
    ...(model !== undefined && { model }),
    ...(weights !== undefined && { weights }),
    audits: { reruns: flags.audit === 'reruns' },
  }
  const peer = await swarm.connectClient(context, options)
  try {
    const limit = timeLimit(
      context.clock,
      coveredTimeoutMs,
      () => new ShoalError('no-route', uncovered(peer.status())),
      context.signal,
    )
    await peer.whenCovered(limit.signal).finally(() => limit.clear())
    return {
      engine: await peer.engine(),
      status: () => peer.status(),
      audits: () => peer.audits(),
      close: () => peer.close(),
    }
  } catch (error) {
    await peer.close()
    throw error
  }
}
