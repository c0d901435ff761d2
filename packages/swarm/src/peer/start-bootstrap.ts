import { join } from 'node:path'
import { every, messageOf, ShoalError, timeLimit, type SystemDependencies } from '@shoal/host'
import { loadOrCreateKey } from '@shoal/host/node'
import { createPeerKey, type DirectoryStats } from '@shoal/network'
import { serveHello } from '../joining/hello.ts'
import { swarmLimits } from '../limits.ts'
import { inScope } from '../scope.ts'
import { agent } from '../joining/ask-peer.ts'
import { connectionOf, openConnection } from '../joining/discovery/connection.ts'

export interface BootstrapOptions {
  readonly listen: readonly string[]
  readonly lan: boolean
  readonly announce?: readonly string[] | undefined
  /** Other peers of the directory; an empty list begins a new directory. */
  readonly bootstrap: readonly string[]
  /** Keeps the key, so that the address stays. */
  readonly dataFolder: string
}

/** A peer of the directory alone. */
export interface BootstrapPeer {
  readonly peerId: string
  addresses(): readonly string[]
  stats(): DirectoryStats
  close(): Promise<void>
}

/** Holds the directory, by which others find their swarms, and belongs to none: no model, no weights, no sessions. */
export function startBootstrap(
  dependencies: SystemDependencies,
  options: BootstrapOptions,
): Promise<BootstrapPeer> {
  return inScope(async (scope) => {
    const { clock, logger } = dependencies
    const { bootstrap } = options
    const privateKey = await loadOrCreateKey(join(options.dataFolder, 'peer.key'), createPeerKey, logger)
    const { transport, directory } = await openConnection(
      dependencies,
      {
        ...connectionOf(options),
        serveDirectory: true,
        directoryOnly: true,
        portFolder: options.dataFolder,
      },
      { privateKey, admission: null },
    )
    scope.onClose(() => transport.close())
    serveHello({ transport, clock, logger }, () => ({
      agent,
      role: 'node',
      manifest: null,
      profile: null,
      model: null,
    }))

    const dial = async (): Promise<void> => {
      if (directory.stats().peers > 0) return
      const limit = timeLimit(
        clock,
        swarmLimits.dialTimeoutMs,
        () => new ShoalError('peer-vanished', 'it did not answer'),
      )
      const dialled = await Promise.allSettled(
        bootstrap.map((address) => transport.dial(address, { signal: limit.signal })),
      ).finally(() => limit.clear())
      for (const [index, outcome] of dialled.entries())
        if (outcome.status === 'rejected')
          logger.warn('bootstrap-silent', { address: bootstrap[index], reason: messageOf(outcome.reason) })
    }
    await dial()
    const dialling = every(clock, swarmLimits.directoryRetryMs, dial, (error) =>
      logger.warn('bootstrap-failed', { reason: messageOf(error) }),
    )
    scope.onClose(() => dialling.cancel())
    return {
      peerId: transport.peerId,
      addresses: () => transport.addresses(),
      stats: () => directory.stats(),
      close: () => scope.close(),
    }
  })
}
