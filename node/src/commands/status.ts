import type { Command } from 'commander'
import { messageOf, ShoalError, timeLimit } from '@shoal/host'
import { dataDirectory } from '@shoal/host/node'
import type { SwarmPeer } from '@shoal/swarm'
import { inContext, threadsOf, type CommandContext } from '../cli/context.ts'
import { publishedAddresses } from '../cli/local-node.ts'
import { addCommonOptions, addExamples, addJoinOption, type CommonFlags, type JoinFlags } from '../cli/options.ts'
import { swarmPicture } from '../cli/picture.ts'
import { UsageError } from '../cli/usage-error.ts'
import { loadSwarm } from '../swarm-port.ts'

/** Four beats on a LAN: who is silent for longer is shown as unknown. */
const knownTimeoutMs = 2000

export function addStatusCommand(program: Command): void {
  const command = program.command('status').description('who is here, who holds which blocks, and whether all peers agree')
  addJoinOption(command)
  addCommonOptions(command).action(status)
  addExamples(command, ['shoal status          # of the node that runs here', 'shoal status --join /ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…'])
}

async function status(flags: CommonFlags & JoinFlags): Promise<void> {
  const join = flags.join ?? publishedAddresses(dataDirectory(flags.data))
  if (join.length === 0) throw new UsageError('of which swarm? Give --join MULTIADDR, the address of one of its peers, or the --data DIR of a node that runs here')
  await inContext(flags, { logLevel: 'warn', logFile: false }, async (context) => {
    const swarm = await loadSwarm()
    const peer = await swarm.connectClient(context, { join, dataFolder: context.dataFolder, threads: threadsOf({}), onProgress: () => undefined, signal: context.signal })
    try {
      await everybodyKnown(context, peer)
      const status = peer.status()
      for (const line of swarmPicture(status)) context.output.line(line)
      context.output.line(`  snapshot ${status.snapshotHash.slice(0, 12)} · plan ${status.planHash.slice(0, 12)} · classes ${[...new Set(status.peers.map(({ numericClass }) => numericClass.slice(0, 12)))].join(', ')}`)
      context.output.result(status)
    } finally {
      await peer.close()
    }
  })
}

/** Records come with the first sync, beats some moments later: until then peers look as if nobody knew of them. */
async function everybodyKnown(context: CommandContext, peer: SwarmPeer): Promise<void> {
  const limit = timeLimit(context.clock, knownTimeoutMs, () => new ShoalError('deadline-passed', 'some peers stay unknown'), context.signal)
  try {
    await peer.whenKnown(limit.signal)
  } catch (error) {
    // Somebody who is gone stays unknown for a while: then that is what there is to show.
    context.signal.throwIfAborted()
    context.logger.debug('peers-unknown', { reason: messageOf(error) })
  } finally {
    limit.clear()
  }
}
