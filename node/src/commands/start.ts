import type { Command } from 'commander'
import colours from 'picocolors'
import { ShoalError, timeLimit } from '@shoal/host'
import { formatBytes } from '@shoal/host/node'
import type { Engine, GenerateResult, SwarmPeer, SwarmStatus } from '@shoal/swarm'
import { createLoadingService } from '../api/service.ts'
import { inContext, type CommandContext } from '../cli/context.ts'
import { localJoinCommand } from '../cli/join-command.ts'
import { publishSwarm } from '../cli/local-node.ts'
import { memoryPlan, sessionsAtOnce } from '../cli/memory-plan.ts'
import {
  addCommonOptions,
  addModelOptions,
  addSamplingOptions,
  type CommonFlags,
  type ModelFlags,
  type SamplingFlags,
} from '../cli/options.ts'
import { parseWhole } from '../cli/parse.ts'
import { answerFigures, routeText, swarmPicture } from '../cli/picture.ts'
import { samplingFrom } from '../cli/sampling.ts'
import { serveApi } from '../cli/serve-api.ts'
import { startLocalSwarm, type LocalSwarm } from '../local-swarm.ts'
import { loadSwarm } from '../swarm-port.ts'
import { converse } from './chat.ts'
import { promptIdsOf, stream } from './generate.ts'

interface StartFlags extends CommonFlags, ModelFlags, SamplingFlags {
  readonly prompt: string
  readonly processes: number
}

/** Loading a span of a laptop-sized model takes seconds; packing a model of some gigabytes takes a minute or two. */
const coveredTimeoutMs = 300_000

/** `npm start`, and a user's first command. */
export function addStartCommand(program: Command): void {
  const command = program
    .command('start')
    .description(
      'a first look: several processes on this machine share a model that none of them could hold, and answer',
    )
    .option('--prompt <TEXT>', 'what to answer', 'Tell me a story about a fox and a lantern.')
    .option('--processes <N>', 'how many nodes', parseWhole(2, 16), 3)
  addModelOptions(command)
  addSamplingOptions(command)
  addCommonOptions(command).action(start)
}

async function start(flags: StartFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async (context) => {
    const { output, logger, signal } = context
    const { model = 'demo', weights, kv, processes } = flags
    const profile = { ...(weights !== undefined && { weights }), ...(kv !== undefined && { kv }) }
    const plan = await memoryPlan({ model, processes, logger, signal, ...profile })
    output.line(
      `Starting ${processes} node processes with ${formatBytes(plan.memoryBytes)} of memory each, and ${formatBytes(plan.sessionMemoryBytes)} for ${sessionsAtOnce - 1} more answers at once.`,
    )
    output.line(
      `All ${plan.blockCount} blocks of ${model} need ${formatBytes(plan.wholeBytes)}: none of them could hold the model alone.\n`,
    )
    const local = await startLocalSwarm(context, {
      processes,
      model,
      memoryBytes: plan.memoryBytes,
      sessionMemoryBytes: plan.sessionMemoryBytes,
      threads: flags.threads ?? plan.threads,
      ...profile,
    })
    try {
      await Promise.race([useSwarm(context, flags, local), local.failure])
    } finally {
      await local.close()
    }
  })
}

async function useSwarm(context: CommandContext, flags: StartFlags, local: LocalSwarm): Promise<void> {
  const { output } = context
  const swarm = await loadSwarm()
  const peer = await swarm.connectClient(context, {
    join: local.nodes.flatMap(({ addrs }) => addrs.slice(0, 1)),
    dataFolder: local.clientFolder,
    threads: 1,
    onProgress: () => undefined,
    signal: context.signal,
  })
  try {
    await covered(context, peer)
    const status = peer.status()
    for (const line of swarmPicture(status)) output.line(line)
    const engine = await peer.engine()
    output.line(`\n${colours.cyan('you ›')} ${flags.prompt}\n`)
    const result = await stream(context, engine, {
      promptIds: await promptIdsOf(engine, flags.prompt, false),
      maxTokens: flags.maxTokens,
      // The first answer is the same on every machine, unless the user asks for sampling.
      sampling: samplingFrom(
        { ...flags, temperature: flags.temperature ?? 0 },
        engine.defaultSampling,
        context.random.uint32(),
      ),
      signal: context.signal,
    })
    summarise(context, result, status)
    if (process.stdin.isTTY && process.stdout.isTTY && !output.json)
      await stay(context, flags, peer, { engine, local, result })
  } finally {
    await peer.close()
  }
}

async function covered(context: CommandContext, peer: SwarmPeer): Promise<void> {
  const limit = timeLimit(
    context.clock,
    coveredTimeoutMs,
    () => new ShoalError('no-route', 'the processes do not hold every block of the model'),
    context.signal,
  )
  try {
    await peer.whenCovered(limit.signal)
  } finally {
    limit.clear()
  }
}

function summarise({ output }: CommandContext, result: GenerateResult, status: SwarmStatus): void {
  output.line('')
  output.line(answerFigures(result))
  output.line(`route: ${routeText(result.route)}`)
  output.result({ ...result, status })
}

/** Offers the dashboard and a chat on a terminal, until the user leaves. */
async function stay(
  context: CommandContext,
  flags: StartFlags,
  peer: SwarmPeer,
  { engine, local, result }: { engine: Engine; local: LocalSwarm; result: GenerateResult },
): Promise<void> {
  const service = createLoadingService()
  service.ready({
    engine,
    status: () => peer.status(),
    whatIf: (change) => peer.whatIf(change),
  })
  const server = await serveApi(context, service, {})
  const withdraw = publishSwarm(
    context,
    local.nodes.flatMap(({ addrs }) => addrs.slice(0, 1)),
  )
  try {
    context.output.line(`dashboard and API: ${server.url}`)
    context.output.line(
      `add a process, in another terminal: ${localJoinCommand(local.nodes[0]?.addrs ?? [], null)}`,
    )
    context.output.line(
      colours.dim('/help shows what else there is · Ctrl-C stops an answer, on an empty line it leaves\n'),
    )
    await converse(context, { engine, status: () => peer.status(), route: routeText(result.route) }, flags)
  } finally {
    withdraw()
    await server.close()
  }
}
