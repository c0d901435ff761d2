import type { Command } from 'commander'
import { untilAborted } from '@shoal/host'
import { availableMemoryBytes } from '@shoal/host/node'
import { formatProfile } from '@shoal/model'
import { inContext, threadsOf, type CommandContext } from '../cli/context.ts'
import {
  addCommonOptions,
  addExamples,
  addJoinOption,
  addModelOptions,
  addStartedOptions,
  type CommonFlags,
  type JoinFlags,
  type ModelFlags,
  type StartedFlags,
} from '../cli/options.ts'
import { collect, parseAddress, parseMemory } from '../cli/parse.ts'
import { serveInFolder } from '../cli/serve-in-folder.ts'
import { UsageError } from '../cli/usage-error.ts'
import { readDialInstead } from '../shape/dial-file.ts'
import { loadSwarm } from '../swarm-port.ts'

interface RankFlags extends CommonFlags, ModelFlags, JoinFlags, StartedFlags {
  readonly leader?: string[]
  readonly lan?: boolean
  readonly listen?: string[]
  readonly memory?: number
}

/** Default share of the free memory, as for `shoal up`. */
const memoryShare = 0.8

export function addRankCommand(program: Command): void {
  const command = program
    .command('rank')
    .description(
      'compute a share of every block for a node that leads a tensor-parallel group (shoal up --rank)',
    )
  addModelOptions(command)
  addJoinOption(command)
  command
    .option(
      '--leader <PEERID>',
      "serve only this peer's groups (repeatable; default: whoever reaches this node)",
      collect,
    )
    .option('--lan', 'listen on all interfaces')
    .option('--listen <MULTIADDR>', 'listen here (repeatable; default: loopback)', parseAddress)
    .option(
      '--memory <SIZE>',
      'memory for weights and KV caches, e.g. 4GiB (default: 80% of what is free)',
      parseMemory,
    )
  addStartedOptions(command)
  addCommonOptions(command).action(rank)
  addExamples(command, [
    'shoal rank --model demo                                       # prints its address; then, for the node that leads:',
    'shoal up --model demo --blocks 0:6 --rank /ip4/127.0.0.1/tcp/4001/p2p/12D3…',
  ])
}

async function rank(flags: RankFlags): Promise<void> {
  if ((flags.join?.length ?? 0) === 0 && flags.model === undefined)
    throw new UsageError('give --model REF, or --join MULTIADDR of a node that has the model')
  await inContext(flags, { logLevel: 'info', logFile: true, onReaderGone: 'leave' }, (context) =>
    serveInFolder(context, flags, () => serveShares(context, flags)),
  )
}

async function serveShares(context: CommandContext, flags: RankFlags): Promise<void> {
  const { startRank } = await loadSwarm()
  const { output } = context
  const peer = await startRank(context, {
    join: flags.join ?? [],
    listen: flags.listen ?? [],
    lan: flags.lan ?? false,
    announce: flags.announce,
    dialInstead: flags.dialInstead === undefined ? undefined : readDialInstead(flags.dialInstead),
    slowdown: flags.slowdown,
    leaders: flags.leader ?? null,
    memoryBytes: flags.memory ?? Math.floor(availableMemoryBytes() * memoryShare),
    threads: threadsOf(flags),
    dataFolder: context.dataFolder,
    signal: context.signal,
    model: flags.model,
    weights: flags.weights,
    kv: flags.kv,
  })
  try {
    const { manifest, id } = peer.manifest
    const profile = formatProfile(manifest.profile)
    output.event({
      event: 'ready',
      peerId: peer.peerId,
      addrs: peer.addresses(),
      model: manifest.name,
      manifest: id,
      profile,
      numericClass: peer.numericClass,
      blocks: null,
      api: null,
    })
    output.line(`${manifest.name} ${profile}: a rank for groups, at\n  ${peer.addresses().join('\n  ')}`)
    await untilAborted(context.signal)
    output.event({ event: 'stopped' })
  } finally {
    await peer.close()
  }
}
