import type { Command } from 'commander'
import { formatBytes } from '@shoal/host/node'
import { inContext } from '../cli/context.ts'
import { memoryPlan } from '../cli/memory-plan.ts'
import { addCommonOptions, addExamples, addModelOptions, type CommonFlags, type ModelFlags } from '../cli/options.ts'
import { parseMemory, parseWhole } from '../cli/parse.ts'
import { UsageError } from '../cli/usage-error.ts'
import { startLocalSwarm } from '../local-swarm.ts'
import { aborted } from '../cli/context.ts'
import { joinCommand } from '../cli/join-command.ts'

interface SwarmFlags extends CommonFlags, ModelFlags {
  readonly processes: number
  readonly memory?: number
  readonly shape?: string
  readonly script?: string
}

export function addSwarmCommand(program: Command): void {
  const command = program
    .command('swarm')
    .description('a real swarm of processes on this machine, until interrupted')
    .option('--processes <N>', 'how many nodes', parseWhole(1, 64), 3)
    .option('--memory <SIZE>', 'memory of each (default: just its share of the model)', parseMemory)
    .option('--shape <FILE>', 'delay, bandwidth and loss of the links between them')
    .option('--script <FILE>', 'who is stopped, killed and started again, and when')
  addModelOptions(command)
  addCommonOptions(command).action(swarm)
  addExamples(command, ['shoal swarm --processes 3 --model demo'])
}

async function swarm(flags: SwarmFlags): Promise<void> {
  const { model, weights, kv } = flags
  if (model === undefined) throw new UsageError('which model? Give --model REF')
  if (flags.shape !== undefined) throw new UsageError('--shape is not supported yet: leave it out for links as fast as this machine has them')
  if (flags.script !== undefined) throw new UsageError('--script is not supported yet: stop and kill the processes by hand; their numbers are printed')
  await inContext(flags, { logLevel: 'warn', logFile: false }, async (context) => {
    const plan = await memoryPlan({ model, processes: flags.processes, ...(weights !== undefined && { weights }), ...(kv !== undefined && { kv }) })
    const memoryBytes = flags.memory ?? plan.memoryBytes
    const local = await startLocalSwarm(context, {
      processes: flags.processes,
      model,
      memoryBytes,
      threads: flags.threads ?? plan.threads,
      ...(weights !== undefined && { weights }),
      ...(kv !== undefined && { kv }),
    })
    try {
      context.output.event({ event: 'ready', memoryBytes, nodes: local.nodes })
      context.output.line(`${local.nodes.length} processes with ${formatBytes(memoryBytes)} each:`)
      for (const { pid, addrs } of local.nodes) context.output.line(`  ${pid}  ${addrs[0] ?? ''}`)
      context.output.line(`\nTo join from another terminal:\n  ${joinCommand(local.nodes[0]?.addrs ?? [])}`)
      await Promise.race([aborted(context.signal), local.failure])
    } finally {
      await local.close()
    }
    context.output.event({ event: 'stopped' })
  })
}
