import { setMaxListeners } from 'node:events'
import { Option, type Command } from 'commander'
import colours from 'picocolors'
import { orAborted, untilAborted } from '@shoal/host'
import { exitWithParent, formatBytes } from '@shoal/host/node'
import { inContext, type CommandContext } from '../cli/context.ts'
import { localJoinCommand } from '../cli/join-command.ts'
import { memoryPlan } from '../cli/memory-plan.ts'
import {
  addCommonOptions,
  addExamples,
  addModelOptions,
  type CommonFlags,
  type ModelFlags,
} from '../cli/options.ts'
import { parseMemory, parseWhole } from '../cli/parse.ts'
import { UsageError } from '../cli/usage-error.ts'
import { leaveWhenTold } from '../leave-message.ts'
import { startLocalSwarm, type LocalSwarm } from '../local-swarm.ts'
import type { NodeEvent } from '../node-process.ts'
import { chooseShape } from '../shape/choose-shape.ts'
import { outsider, type LinkShape, type Shape } from '../shape/link-shape.ts'
import { readScript, runScript, type SwarmScript } from '../shape/swarm-script.ts'

interface SwarmFlags extends CommonFlags, ModelFlags {
  readonly processes?: number
  readonly memory?: number
  readonly shape?: string
  readonly script?: string
  readonly exitWithParent?: boolean
}

/** Number of nodes when neither `--processes` nor a shape gives it. */
const processesDefault = 3

export function addSwarmCommand(program: Command): void {
  const command = program
    .command('swarm')
    .description('run a swarm of real processes on this machine, until interrupted')
    .option('--processes <N>', 'number of nodes (default: that of the shape, else 3)', parseWhole(1, 64))
    .option(
      '--memory <SIZE>',
      'memory of each process (default: just enough for its share of the model)',
      parseMemory,
    )
    .option(
      '--shape <FILE>',
      'delay, bandwidth and loss of the links between the processes: a file, or lan, home-wifi, two-sites, flaky-wifi, one-strong-many-weak',
    )
    .option(
      '--script <FILE>',
      'JSON file: which nodes are killed, stopped, continued and restarted, and when',
    )
    .addOption(new Option('--exit-with-parent', 'end when the parent process does').hideHelp())
  addModelOptions(command)
  addCommonOptions(command).action(swarm)
  addExamples(command, [
    'shoal swarm --processes 3 --model demo',
    'shoal swarm --model demo --shape home-wifi',
    'shoal swarm --model demo --shape shape.json --script script.json',
  ])
}

async function swarm(flags: SwarmFlags): Promise<void> {
  const { model, weights, kv } = flags
  if (model === undefined) throw new UsageError('which model? Give --model REF')
  const shape = flags.shape === undefined ? undefined : chooseShape(flags.shape, flags.processes ?? null)
  const processes = shape?.nodes.length ?? flags.processes ?? processesDefault
  const names =
    shape?.nodes.map(({ name }) => name) ??
    Array.from({ length: processes }, (_, index) => `node-${index + 1}`)
  const steps = flags.script === undefined ? [] : readScript(flags.script, names)
  await inContext(flags, { logLevel: 'warn', logFile: false }, async (context) => {
    const { output, logger, signal } = context
    if (flags.exitWithParent === true) {
      exitWithParent({ onParentGone: context.stop })
      leaveWhenTold(context.stop)
    }
    const profile = { ...(weights !== undefined && { weights }), ...(kv !== undefined && { kv }) }
    // A group holds as much as one node.
    const holders = shape?.nodes.filter(({ rankOf }) => rankOf === null).length ?? processes
    const plan = await memoryPlan({ model, processes: holders, logger, signal, ...profile })
    const memoryBytes = flags.memory ?? plan.memoryBytes
    const listeners = new Set<(event: NodeEvent) => void>()
    output.line(
      `starting ${processes} processes with ${formatBytes(memoryBytes)} each${shape === undefined ? '' : `, links as in ${shape.name}`} …`,
    )
    const local = await startLocalSwarm(context, {
      processes,
      model,
      memoryBytes,
      threads: flags.threads ?? Math.max(1, Math.floor((plan.threads * holders) / processes)),
      ...profile,
      ...(shape !== undefined && { shape }),
      onEvent(node, { event, ...fields }) {
        // The table below shows `ready` for all nodes at once.
        if (event === 'ready') return
        output.event({ event: 'node', node, what: event, ...fields })
        output.line(colours.dim(`  ${node.padEnd(12)}  ${event} ${Object.values(fields).join(' ')}`))
        for (const listener of listeners) listener({ event, ...fields })
      },
    })
    try {
      output.event({
        event: 'ready',
        memoryBytes,
        shape: shape?.name ?? null,
        nodes: local.nodes,
        links: local.links,
      })
      show(context, local, shape)
      // Each wait of a script adds a listener.
      setMaxListeners(0, signal)
      const played = play(context, local, steps, listeners)
      await Promise.race([untilAborted(signal), local.failure, played.then(() => untilAborted(signal))])
    } finally {
      await local.close()
    }
    output.event({ event: 'stopped' })
  })
}

async function play(
  { clock, output, signal }: CommandContext,
  local: LocalSwarm,
  steps: SwarmScript,
  listeners: Set<(event: NodeEvent) => void>,
): Promise<void> {
  const startMs = clock.nowMs()
  await runScript(
    {
      clock,
      swarm: local,
      async nextEvent(fits, until) {
        const happened = Promise.withResolvers<void>()
        const listener = (event: NodeEvent): void => {
          if (fits(event)) happened.resolve()
        }
        listeners.add(listener)
        try {
          await orAborted(happened.promise, until)
        } finally {
          listeners.delete(listener)
        }
      },
      onStep(step) {
        const atMs = Math.round(clock.nowMs() - startMs)
        output.event({ event: 'script', atMs, do: step.do, node: step.node })
        output.line(
          `  ${step.node.padEnd(12)}  ${colours.yellow(step.do)} after ${(atMs / 1000).toFixed(1)} s`,
        )
      },
    },
    steps,
    signal,
  )
}

function show({ output }: CommandContext, local: LocalSwarm, shape: Shape | undefined): void {
  output.line(`\n${local.nodes.length} processes:`)
  for (const { name, pid, blocks, rankOf, addrs } of local.nodes) {
    const holds =
      rankOf !== null
        ? `rank of ${rankOf}`
        : blocks === null
          ? 'no blocks yet'
          : `blocks ${blocks[0]}–${blocks[1] - 1}`
    output.line(`  ${name.padEnd(12)}  ${String(pid).padStart(7)}  ${holds}  ${addrs[0] ?? ''}`)
  }
  if (shape !== undefined) {
    const names = [...shape.nodes.map(({ name }) => name), outsider]
    output.line('\nlinks:')
    const pairs = names.flatMap((a, index) => names.slice(index + 1).map((b) => [a, b] as const))
    for (const [a, b] of pairs)
      output.line(`  ${a.padEnd(12)}  ${b.padEnd(12)}  ${linkText(shape.link(a, b))}`)
  }
  output.line(
    `\nTo join from another terminal of this machine:\n  ${localJoinCommand(local.nodes[0]?.addrs ?? [], null)}`,
  )
}

function linkText({ rttMs, mbps, lossPercent }: LinkShape): string {
  return [
    `${rttMs} ms`,
    mbps === null ? 'no limit' : `${mbps} Mbit/s`,
    ...(lossPercent === 0 ? [] : [`${lossPercent}% lost`]),
  ].join(' · ')
}
