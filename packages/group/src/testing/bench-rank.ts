import { silentLogger, type Clock } from '@shoal/host'
import type { IndexRange } from '@shoal/model'
import type { Transport } from '@shoal/network'
import { decorateHead, decorateRunner, type BlockRunner } from '@shoal/runtime'
import type { GroupPeer } from '../forming/formation.ts'
import { createRankHost, type RankHost } from '../rank/rank-host.ts'
import type { BenchModel } from './bench-model.ts'

export interface RankNodeOptions {
  /** Which leaders may make the node a rank. Default: all. */
  readonly accepts?: (leader: string) => boolean
  readonly manifestId?: string
  readonly numericClass?: string
  /** Called before each call that the node computes. */
  readonly onForward?: () => void
  /** Whether the node loads no parts of the head. */
  readonly headless?: boolean
  /** Awaited before a part of the head is loaded. */
  readonly beforeHead?: (vocabulary: IndexRange) => Promise<void>
  /** How many logits are missing in each answer. */
  readonly cutLogits?: number
}

/** A node that may be a rank of groups. */
export interface RankNode extends GroupPeer {
  readonly transport: Transport
  readonly host: RankHost
  /** The shares that it has loaded so far. */
  readonly loaded: BlockRunner[]
  /** How often it was asked for logits. */
  headCalls(): number
}

export async function createRankNode(
  model: BenchModel,
  transport: Transport,
  clock: Clock,
  options: RankNodeOptions,
): Promise<RankNode> {
  const device = await model.addDevice()
  const loaded: BlockRunner[] = []
  let headCalls = 0
  const host = createRankHost(
    { transport, clock, logger: silentLogger },
    {
      manifestId: options.manifestId ?? model.manifestId,
      profile: model.profile,
      numericClass: options.numericClass ?? device.numericClass,
      accepts: options.accepts ?? (() => true),
      ...(options.headless !== true && {
        async loadHead(vocabulary) {
          await options.beforeHead?.(vocabulary)
          const head = await device.loadHead(vocabulary)
          return decorateHead(head, {
            async logits(hidden, into) {
              headCalls += 1
              const logits = await head.logits(hidden, into)
              return logits.subarray(options.cutLogits ?? 0)
            },
          })
        },
      }),
      async load({ sum, ...request }, signal) {
        const runner = await model.loadShare(device, request, sum, signal)
        loaded.push(runner)
        return decorateRunner(runner, {
          forward(session, position, hidden) {
            options.onForward?.()
            return runner.forward(session, position, hidden)
          },
        })
      },
    },
  )
  return {
    peer: transport.peerId,
    addresses: transport.addresses(),
    transport,
    host,
    loaded,
    headCalls: () => headCalls,
  }
}
