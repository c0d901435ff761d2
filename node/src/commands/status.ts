import type { Command } from 'commander'
import { messageOf, ShoalError, timeLimit } from '@shoal/host'
import { dataDirectory } from '@shoal/host/node'
import { inContext, threadsOf, type CommandContext } from '../cli/context.ts'
import { tellWait } from '../cli/open-engine.ts'
import {
  addCommonOptions,
  addExamples,
  addJoinOption,
  type CommonFlags,
  type JoinFlags,
} from '../cli/options.ts'
import { troubledPaths } from '../cli/paths.ts'
import { swarmPicture } from '../cli/picture.ts'
import { knownAddresses, withInvite } from '../cli/privacy.ts'
import { UsageError } from '../cli/usage-error.ts'
import { loadSwarm } from '../swarm-port.ts'

/** Four beats on a LAN: a peer that is silent for longer is shown as unknown. */
const knownTimeoutMs = 2000
/** A node answers a hello within milliseconds, a busy one within tenths of a second. */
const askTimeoutMs = 1000
/** A search among a few peers takes milliseconds, and longer when one of them has gone. */
const directoryTimeoutMs = 1000

export function addStatusCommand(program: Command): void {
  const command = program
    .command('status')
    .description(
      'show the peers of a swarm, which blocks each holds, what each may do, and whether all have the same plan',
    )
    .argument('[CODE]', 'an invite to a private swarm, a code or a PIN; needed once')
  addJoinOption(command)
  addCommonOptions(command.option('--model <REF>', 'with --join: show only the swarm of this model')).action(
    status,
  )
  addExamples(command, [
    'shoal status          # of the node that runs here',
    'shoal status --join /ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…',
  ])
}

interface StatusFlags extends CommonFlags, JoinFlags {
  readonly model?: string
}

async function status(code: string | undefined, given: StatusFlags): Promise<void> {
  const flags = withInvite(code, given)
  const join = flags.join ?? knownAddresses(dataDirectory(flags.data))
  if (join.length === 0)
    throw new UsageError(
      'of which swarm? Give --join MULTIADDR, the address of one of its peers, or the --data DIR of a node that runs here',
    )
  await inContext(flags, { logLevel: 'warn', logFile: false }, async (context) => {
    const swarm = await loadSwarm()
    const wanted = {
      ...(flags.model !== undefined && { model: flags.model }),
      ...(flags.manifest !== undefined && { manifestId: flags.manifest }),
    }
    const peer = await swarm.connectClient(context, {
      join,
      ...wanted,
      dataFolder: context.dataFolder,
      threads: threadsOf({}),
      onProgress: () => undefined,
      onWait: tellWait,
      signal: context.signal,
    })
    try {
      await Promise.all([
        within(context, knownTimeoutMs, 'peers-unknown', (signal) => peer.whenKnown(signal)).then(() =>
          within(context, askTimeoutMs, 'members-silent', (signal) => peer.askMembers(signal)),
        ),
        within(context, directoryTimeoutMs, 'directory-silent', (signal) => peer.searchDirectory(signal)),
      ])
      const status = peer.status()
      for (const line of [...swarmPicture(status), ...troubledPaths(status)]) context.output.line(line)
      context.output.line(
        `  snapshot ${status.snapshotHash.slice(0, 12)} · plan ${status.planHash.slice(0, 12)} · classes ${[...new Set(status.peers.map(({ numericClass }) => numericClass.slice(0, 12)))].join(', ')}`,
      )
      const { directory } = status
      // A private swarm is in no directory.
      if (directory !== undefined && status.private !== true)
        context.output.line(
          `  directory ${counted(directory.peers, 'peer')} · ${directory.providers === null ? 'unknown nodes' : counted(directory.providers, 'node')} of this swarm`,
        )
      context.output.result(status)
    } finally {
      await peer.close()
    }
  })
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/**
 * Waits, but not for long. Records arrive with the first sync and beats some moments later, and a dead peer stays unknown
 * for a while: after the time limit, status shows what is known.
 */
async function within(
  context: CommandContext,
  timeoutMs: number,
  event: string,
  wait: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const limit = timeLimit(
    context.clock,
    timeoutMs,
    () => new ShoalError('deadline-passed', `not within ${timeoutMs} ms`),
    context.signal,
  )
  try {
    await wait(limit.signal)
  } catch (error) {
    context.signal.throwIfAborted()
    context.logger.debug(event, { reason: messageOf(error) })
  } finally {
    limit.clear()
  }
}
