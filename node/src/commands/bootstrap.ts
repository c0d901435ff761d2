import { Option, type Command } from 'commander'
import { untilAborted } from '@shoal/host'
import { exitWithParent, lockDirectory } from '@shoal/host/node'
import { inContext } from '../cli/context.ts'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { parseAddress } from '../cli/parse.ts'
import { leaveWhenTold } from '../leave-message.ts'
import { loadSwarm } from '../swarm-port.ts'

interface BootstrapFlags extends CommonFlags {
  readonly bootstrap?: string[]
  readonly lan?: boolean
  readonly listen?: string[]
  readonly announce?: string[]
  readonly exitWithParent?: boolean
}

export function addBootstrapCommand(program: Command): void {
  const command = program
    .command('bootstrap')
    .description('run a peer by which others find their swarms: it holds the directory, and serves no model')
  command
    .option(
      '--bootstrap <MULTIADDR>',
      'any other Shoal peer, whose directory this node joins (repeatable)',
      parseAddress,
    )
    .option('--lan', 'listen on all interfaces and be found by mDNS')
    .option('--listen <MULTIADDR>', 'listen here (repeatable; default: loopback)', parseAddress)
    .option(
      '--announce <MULTIADDR>',
      "tell others this address instead (repeatable): a router's mapping, a proxy",
      parseAddress,
    )
    .addOption(new Option('--exit-with-parent', 'end when the parent process does').hideHelp())
  addCommonOptions(command).action(bootstrap)
  addExamples(command, ['shoal bootstrap --listen /ip4/0.0.0.0/tcp/4001'])
}

async function bootstrap(flags: BootstrapFlags): Promise<void> {
  await inContext(flags, { logLevel: 'info', logFile: true, onReaderGone: 'leave' }, async (context) => {
    if (flags.exitWithParent === true) {
      exitWithParent({ onParentGone: context.stop })
      leaveWhenTold(context.stop)
    }
    const lock = lockDirectory(context.dataFolder)
    try {
      const swarm = await loadSwarm()
      const { bootstrap: others = [], lan = false, listen = [], announce } = flags
      const peer = await swarm.startBootstrap(context, {
        bootstrap: others,
        lan,
        listen,
        dataFolder: context.dataFolder,
        ...(announce !== undefined && { announce }),
      })
      try {
        const addrs = peer.addresses()
        context.output.event({
          event: 'ready',
          peerId: peer.peerId,
          addrs,
          model: null,
          manifest: null,
          profile: null,
          numericClass: null,
          blocks: null,
          api: null,
        })
        context.logger.info('bootstrap-ready', { addrs })
        for (const address of addrs) context.output.line(`npx shoal up --model REF --bootstrap ${address}`)
        await untilAborted(context.signal)
      } finally {
        await peer.close()
      }
      context.output.event({ event: 'stopped' })
    } finally {
      lock.release()
    }
  })
}
