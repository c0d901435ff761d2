import type { Command } from 'commander'
import { untilAborted } from '@shoal/host'
import { inContext, type CommandContext } from '../cli/context.ts'
import { publishSwarm } from '../cli/local-node.ts'
import { checkEngineFlags, openEngine } from '../cli/open-engine.ts'
import {
  addApiOptions,
  addCommonOptions,
  addExamples,
  addJoinOption,
  addModelOptions,
  addPlacementOption,
} from '../cli/options.ts'
import type { ApiFlags, CommonFlags, JoinFlags, ModelFlags, PlacementFlags } from '../cli/options.ts'
import { withMembership } from '../cli/privacy.ts'
import { createProgressBar } from '../cli/progress.ts'
import { checkApiFlags, serveApi } from '../cli/serve-api.ts'
import { untilStopped } from '../cli/serve-in-folder.ts'
import { createLoadingService } from '../api/service.ts'
import { loadSwarm } from '../swarm-port.ts'

interface ServeFlags extends CommonFlags, ModelFlags, JoinFlags, PlacementFlags, ApiFlags {
  readonly local?: boolean
}

export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .description('serve the HTTP API (for clients of OpenAI, Anthropic and Ollama) without serving blocks')
    .argument('[CODE]', 'an invite to a private swarm, a code or a PIN; needed once')
  addModelOptions(command)
  addJoinOption(command)
  addApiOptions(command)
  addPlacementOption(command)
  addCommonOptions(command).option('--local', 'compute in this process without a network').action(serve)
  addExamples(command, [
    'shoal serve --model demo --local',
    'shoal serve --join /ip4/192.168.1.5/tcp/4001/p2p/12D3KooW… --api 127.0.0.1:8090',
  ])
}

async function serve(code: string | undefined, given: ServeFlags): Promise<void> {
  const flags = withMembership(code, given)
  checkEngineFlags(flags)
  checkApiFlags(flags)
  await inContext(flags, { logLevel: 'info', logFile: false }, (context) =>
    untilStopped(context, () => serveEngine(context, flags)),
  )
}

async function serveEngine(context: CommandContext, flags: ServeFlags): Promise<void> {
  const swarm = await loadSwarm()
  const service = createLoadingService()
  const bar = createProgressBar()
  let withdraw = (): void => undefined
  const server = await serveApi(context, service, flags)
  try {
    context.output.line(`API and dashboard: ${server.url}`)
    const opened = await openEngine(swarm, context, flags, (progress) => {
      service.onProgress(progress)
      bar.update(progress)
    }).finally(() => bar.stop())
    try {
      service.ready(opened)
      // The words of invites name no address.
      withdraw = publishSwarm(
        context,
        (flags.join ?? []).filter((each) => each.startsWith('/')),
      )
      const { name } = opened.engine.manifest.manifest
      context.output.line(`serving ${name}`)
      context.output.event({
        event: 'ready',
        api: server.url,
        model: name,
        manifest: opened.engine.manifest.id,
      })
      await untilAborted(context.signal)
    } finally {
      await opened.close()
    }
  } finally {
    withdraw()
    await server.close()
  }
  context.output.event({ event: 'stopped' })
}
