import type { Command } from 'commander'
import { inContext, threadsOf } from '../cli/context.ts'
import { addCommonOptions, addExamples, addJoinOption, type CommonFlags, type JoinFlags } from '../cli/options.ts'
import { swarmPicture } from '../cli/picture.ts'
import { UsageError } from '../cli/usage-error.ts'
import { loadSwarm } from '../swarm-port.ts'

export function addStatusCommand(program: Command): void {
  const command = program.command('status').description('who is here, who holds which blocks, and whether all peers agree')
  addJoinOption(command)
  addCommonOptions(command).action(status)
  addExamples(command, ['shoal status --join /ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…'])
}

async function status(flags: CommonFlags & JoinFlags): Promise<void> {
  if (flags.join === undefined) throw new UsageError('of which swarm? Give --join MULTIADDR, the address of one of its peers')
  const { join } = flags
  await inContext(flags, { logLevel: 'warn', logFile: false }, async (context) => {
    const swarm = await loadSwarm()
    const peer = await swarm.connectClient(context, { join, dataFolder: context.dataFolder, threads: threadsOf({}), onProgress: () => undefined, signal: context.signal })
    try {
      const status = peer.status()
      for (const line of swarmPicture(status)) context.output.line(line)
      context.output.line(`  snapshot ${status.snapshotHash.slice(0, 12)} · plan ${status.planHash.slice(0, 12)} · classes ${[...new Set(status.peers.map(({ numericClass }) => numericClass.slice(0, 12)))].join(', ')}`)
      context.output.result(status)
    } finally {
      await peer.close()
    }
  })
}
