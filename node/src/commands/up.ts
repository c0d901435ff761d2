import { Option, type Command } from 'commander'
import { ShoalError, timeLimit, untilAborted } from '@shoal/host'
import { availableMemoryBytes, dataDirectory, machineIdentity } from '@shoal/host/node'
import type { SwarmEvent } from '@shoal/swarm'
import { createLoadingService } from '../api/service.ts'
import type { ApiServer } from '../api/server.ts'
import { announceNode } from '../cli/announce-node.ts'
import { inContext, threadsOf, type CommandContext } from '../cli/context.ts'
import { controlOf } from '../control/handle.ts'
import { serveControl } from '../control/server.ts'
import { readDialInstead } from '../shape/dial-file.ts'
import { publishAddresses } from '../cli/local-node.ts'
import {
  addApiOptions,
  addAuditOption,
  addCommonOptions,
  addDraftOption,
  addExamples,
  addJoinOption,
  addModelOptions,
  addStartedOptions,
  wireOption,
} from '../cli/options.ts'
import {
  parseAddress,
  parseListen,
  parseBlocks,
  parseDiskSize,
  parseMemory,
  parseSpeeds,
} from '../cli/parse.ts'
import { addPrivacyOptions, foundsPrivateSwarm, isMemberFolder, withInvite } from '../cli/privacy.ts'
import { createProgressBar } from '../cli/progress.ts'
import { serveApi } from '../cli/serve-api.ts'
import { serveInFolder } from '../cli/serve-in-folder.ts'
import { openTabs } from '../tabs/server/open-tabs.ts'
import { checkUpFlags, type UpFlags } from './up-flags.ts'
import { loadSwarm, type NodeOptions, type ServingPeer } from '../swarm-port.ts'

/** Default share of the free memory: the rest stays for the system, the user and this program's buffers. */
const memoryShare = 0.8

/** Events that the swarm itself logs, with more detail. */
const loggedBelow: ReadonlySet<SwarmEvent['event']> = new Set([
  'blocks-changed',
  'span-loading-failed',
  'session-opened',
  'session-moved',
  'self-expired',
])

/** Events of single answers: at two answers a second they would fill the log with megabytes an hour. */
const ofAnswers: ReadonlySet<SwarmEvent['event']> = new Set(['session-opened', 'session-closed'])

/** Time for running sessions to end before a node goes anyway. */
const drainMs = 30_000

export function addUpCommand(program: Command): void {
  const command = program
    .command('up')
    .description('run a node: serve blocks of a model until interrupted, then drain and leave')
  command.argument(
    '[CODE]',
    'an invite to a private swarm: a code or a PIN, as shoal invite prints it; needed once',
  )
  addModelOptions(command)
  addJoinOption(command)
  addPrivacyOptions(command)
  addReachOptions(command)
  command
    .option(
      '--memory <SIZE>',
      'memory for weights and KV caches, e.g. 4GiB; the program itself takes some 300 MiB beside it (default: 80% of what is free)',
      parseMemory,
    )
    .option(
      '--session-memory <SIZE>',
      'memory in addition to --memory for more concurrent answers; the plan gives the node no more blocks for it',
      parseMemory,
    )
    .option(
      '--spare-disk <SIZE>',
      'disk for copies of weights that other nodes may lose; 0 for none (default: half of what is free beyond 1 GiB)',
      parseDiskSize,
    )
  addComputeOptions(command)
  addSpanOptions(command)
  command
    .option(
      '--groups',
      'take part in groups: near machines that compute every block together, where the plan predicts that this is faster',
    )
    .option(
      '--rank <MULTIADDR>',
      'compute every block together with this peer (shoal rank; repeatable)',
      parseAddress,
    )
    .option(
      '--spare <MULTIADDR>',
      'with --rank: a peer that takes the place of a lost rank (repeatable)',
      parseAddress,
    )
    .option(
      '--split <SPEEDS>',
      'with --rank: speeds of this node and of the ranks, such as 2,1 (default: equal)',
      parseSpeeds,
    )
  addAnswerOptions(command)
  addStartedOptions(command)
  addTabsOption(addApiOptions(command))
  addCommonOptions(command).action(up)
  addExamples(command, [
    'shoal up --model demo --lan                            # create a swarm',
    'shoal up --model demo --private --listen /ip4/0.0.0.0/tcp/4001   # one that needs an invite',
    'shoal up shoal1q9…                                     # join it: shoal invite prints the code',
    'shoal up 482913                                        # the same with the PIN that shoal invite --pin shows nearby',
    'shoal up --join /ip4/192.168.1.5/tcp/4001/p2p/12D3…    # serve a share of it from another machine',
    'shoal up --model ./Llama-3.2-1B --weights int4 --memory 4GiB --api 127.0.0.1:8090',
  ])
}

function addReachOptions(command: Command): void {
  command
    .option(
      '--bootstrap <MULTIADDR>',
      'any Shoal peer, whatever its model: through it the node finds the swarm of --model, or creates one that others find (repeatable)',
      parseAddress,
    )
    .option('--lan', 'listen on all interfaces and be found by mDNS')
    .option('--listen <MULTIADDR>', 'listen here (repeatable; default: loopback), or none', parseListen)
    .option(
      '--port-mapping',
      'ask the router to forward a port to this node, by PCP, NAT-PMP or UPnP (default: in private swarms)',
    )
    .option('--no-port-mapping', 'do not ask the router for a port')
}

/** How the answers of the API are made. */
function addAnswerOptions(command: Command): void {
  addDraftOption(addAuditOption(command))
    .addOption(wireOption())
    .option(
      '--hot-spare',
      'for the answers of the API: other peers compute every row too, so that the loss of a peer costs a step at most; twice the computing and memory',
    )
}

function addSpanOptions(command: Command): void {
  command
    .option('--blocks <START:END>', 'serve exactly these blocks, in place of those of the plan', parseBlocks)
    .option(
      '--stream-weights',
      'serve --blocks, or all blocks, also where --memory does not hold them: weights that do not fit are read from disk in every step, with the same tokens, but seconds for each',
    )
}

function addTabsOption(command: Command): void {
  command.option(
    '--tabs',
    'let browser tabs serve blocks too: prints a link to a page at the address of the API, whose holder lends memory and computing time of a tab',
  )
}

function addComputeOptions(command: Command): void {
  command
    .addOption(
      new Option('--device <KIND>', 'what computes; only auto and cpu are supported yet')
        .choices(['auto', 'cpu', 'cuda', 'webgpu', 'coreml', 'dml'])
        .default('auto'),
    )
    .addOption(
      new Option(
        '--compute <PLACE>',
        'where blocks are computed: in a thread of this process, or in a process of its own, whose crash the node survives but which makes 12 to 16% fewer tokens per second (default: thread)',
      ).choices(['thread', 'process']),
    )
}

async function up(code: string | undefined, given: UpFlags): Promise<void> {
  const flags = withInvite(code, given)
  checkUpFlags(flags, isMemberFolder(dataDirectory(flags.data)))
  foundsPrivateSwarm(flags)
  await inContext(flags, { logLevel: 'info', logFile: true, onReaderGone: 'leave' }, (context) =>
    serveInFolder(context, flags, () => serveBlocks(context, flags)),
  )
}

async function serveBlocks(context: CommandContext, flags: UpFlags): Promise<void> {
  const swarm = await loadSwarm()
  const service = createLoadingService()
  const bar = createProgressBar()
  const tabs = flags.tabs === true ? openTabs(context, swarm, flags) : null
  let server: ApiServer | null = null
  let node: ServingPeer | null = null
  const closing: (() => Promise<void>)[] = []
  let forget = (): void => undefined
  try {
    if (flags.api !== undefined) {
      server = await serveApi(context, service, flags, tabs?.desk)
      context.logger.info('api-listening', { url: server.url })
    }
    // Events that arrive before `ready` are printed after it.
    const early: SwarmEvent[] = []
    let onEvent = (event: SwarmEvent): void => void early.push(event)
    node = await swarm
      .startNode(context, {
        ...nodeOptions(context, flags),
        onEvent: (event) => onEvent(event),
        onProgress: (progress) => {
          service.onProgress(progress)
          bar.update(progress)
        },
      })
      .finally(() => bar.stop())
    forget = publishAddresses(context, node.addresses())
    const endControl = await serveControl({
      ...context,
      handle: controlOf(node),
    })
    closing.push(endControl)
    tabs?.ready(node)
    await announceNode(context, node, server, tabs?.desk.token ?? null)
    onEvent = (event) => report(context, event)
    early.splice(0).forEach(onEvent)
    if (server !== null) {
      const serving = node
      service.ready({
        engine: await serving.engine(),
        status: () => serving.status(),
        audits: () => serving.audits(),
        whatIf: (change) => serving.whatIf(change),
      })
    }
    await untilAborted(context.signal)
    context.output.line('leaving … (a second Ctrl-C ends at once)')
    await tabs?.desk.close()
    const limit = timeLimit(
      context.clock,
      drainMs,
      () => new ShoalError('deadline-passed', `sessions were still running after ${drainMs / 1000} s`),
    )
    try {
      await node.leave(limit.signal)
    } finally {
      limit.clear()
    }
  } finally {
    forget()
    await tabs?.desk.close()
    for (const close of closing) await close()
    await server?.close()
    await node?.close()
  }
}

function report({ output, logger }: CommandContext, event: SwarmEvent): void {
  output.event(event)
  const { event: name, ...fields } = event
  if (loggedBelow.has(name)) return
  if (ofAnswers.has(name)) logger.debug(name, fields)
  else logger.info(name, fields)
}

function nodeOptions(context: CommandContext, flags: UpFlags): Omit<NodeOptions, 'onEvent' | 'onProgress'> {
  return {
    join: flags.join ?? [],
    founds: foundsPrivateSwarm(flags),
    bootstrap: flags.bootstrap ?? [],
    listen: flags.listen ?? [],
    lan: flags.lan ?? false,
    memoryBytes: flags.memory ?? Math.floor(availableMemoryBytes() * memoryShare),
    ...(flags.sessionMemory !== undefined && { sessionMemoryBytes: flags.sessionMemory }),
    ...(flags.spareDisk !== undefined && { spareDiskBytes: flags.spareDisk }),
    threads: threadsOf(flags),
    dataFolder: context.dataFolder,
    signal: context.signal,
    ...(flags.portMapping !== undefined && { portMapping: flags.portMapping }),
    ...(flags.announce !== undefined && { announce: flags.announce }),
    ...(flags.dialInstead !== undefined && { dialInstead: readDialInstead(flags.dialInstead) }),
    ...(flags.groups === true && { machine: flags.machine ?? machineIdentity() }),
    ...(flags.compute !== undefined && { compute: flags.compute }),
    ...(flags.slowdown !== undefined && { slowdown: flags.slowdown }),
    ...(flags.model !== undefined && { model: flags.model }),
    ...(flags.manifest !== undefined && { manifestId: flags.manifest }),
    ...(flags.blocks !== undefined && { blocks: flags.blocks }),
    ...(flags.streamWeights === true && { streamWeights: true }),
    ...(flags.rank !== undefined && {
      group: { ranks: flags.rank, spares: flags.spare, speeds: flags.split },
    }),
    ...(flags.weights !== undefined && { weights: flags.weights }),
    ...(flags.kv !== undefined && { kv: flags.kv }),
    ...(flags.draft !== undefined && { draft: flags.draft }),
    ...(flags.wire !== undefined && { wire: flags.wire }),
    ...(flags.hotSpare === true && { spare: true }),
    audits: { reruns: flags.audit === 'reruns' },
  }
}
