import type {
  ApiFlags,
  AuditKind,
  CommonFlags,
  DraftFlags,
  JoinFlags,
  ModelFlags,
  StartedFlags,
  Wire,
} from '../cli/options.ts'
import type { PrivacyFlags } from '../cli/privacy.ts'
import { checkApiFlags } from '../cli/serve-api.ts'
import { UsageError } from '../cli/usage-error.ts'

export interface UpFlags
  extends CommonFlags, ModelFlags, JoinFlags, DraftFlags, ApiFlags, StartedFlags, PrivacyFlags {
  readonly bootstrap?: string[]
  readonly lan?: boolean
  readonly listen?: string[]
  readonly portMapping?: boolean
  readonly memory?: number
  readonly sessionMemory?: number
  readonly spareDisk?: number
  readonly device: string
  readonly compute?: 'thread' | 'process'
  readonly blocks?: [number, number]
  readonly streamWeights?: boolean
  readonly groups?: boolean
  readonly rank?: string[]
  readonly spare?: string[]
  readonly split?: number[]
  readonly audit?: AuditKind
  readonly wire?: Wire
  readonly hotSpare?: boolean
  readonly tabs?: boolean
}

/** Checks options that exclude or need each other, before anything is opened. @throws {UsageError} */
export function checkUpFlags(flags: UpFlags, isMember: boolean): void {
  const joins = (flags.join?.length ?? 0) > 0 || isMember
  if (!joins && flags.model === undefined && flags.lan !== true)
    throw new UsageError(
      'give --model REF to create a swarm, --join MULTIADDR or an invite to serve in one, or --lan to find one in the local network',
    )
  if (!joins && flags.manifest !== undefined)
    throw new UsageError('--manifest names a swarm to join: give --join MULTIADDR too')
  if (flags.rank === undefined && (flags.spare !== undefined || flags.split !== undefined))
    throw new UsageError('--spare and --split belong to --rank MULTIADDR')
  if (flags.groups === true && (flags.rank !== undefined || flags.blocks !== undefined))
    throw new UsageError(
      '--groups follows the plan, while --rank and --blocks override it: leave out one of them',
    )
  if (flags.streamWeights === true && (flags.rank !== undefined || flags.groups === true))
    throw new UsageError('--stream-weights is for a node that computes alone: leave out --rank and --groups')
  if (flags.compute === 'process' && (flags.groups === true || flags.rank !== undefined))
    throw new UsageError('groups share memory with what computes: leave out --compute process')
  if (flags.device !== 'auto' && flags.device !== 'cpu')
    throw new UsageError(`--device ${flags.device} is not supported yet; leave it out to compute on the CPU`)
  if (flags.draft !== undefined && flags.api === undefined)
    throw new UsageError('--draft proposes tokens for the answers of the API: give --api HOST:PORT too')
  if (flags.api === undefined && (flags.wire !== undefined || flags.hotSpare === true))
    throw new UsageError(
      '--wire and --hot-spare are for the answers of the API: give --api HOST:PORT too; routes of others follow what these ask for',
    )
  if (flags.hotSpare === true && flags.wire !== undefined && flags.wire !== 'f32')
    throw new UsageError(
      '--hot-spare compares two routes, whose rows differ with a rounded --wire: leave out one of them',
    )
  if (flags.tabs === true && flags.api === undefined)
    throw new UsageError('--tabs serves a page at the address of the API: give --api HOST:PORT too')
  checkApiFlags(flags)
}
