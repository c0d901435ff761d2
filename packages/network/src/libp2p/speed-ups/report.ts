import type { Logger } from '@shoal/host'

/*
 * Four changes took a 4 KB round trip over TCP, noise and yamux from 239 to 89 µs (docs/network.md). Three of them reach
 * into objects of libp2p that are not its interface; each looks first whether they are as expected, and otherwise
 * leaves them alone with one line in the log.
 */

export const speedUpNames = ['cached-keys', 'joined-writes', 'lazy-windows', 'quiet-lengths'] as const
export type SpeedUp = (typeof speedUpNames)[number]

/** Which speed-ups found what they need. */
export interface SpeedUpReport {
  engaged(name: SpeedUp): void
  missing(name: SpeedUp): void
}

export function createSpeedUpReport(
  logger: Logger,
): SpeedUpReport & { readonly names: ReadonlySet<SpeedUp> } {
  const names = new Set<SpeedUp>()
  const told = new Set<SpeedUp>()
  return {
    names,
    engaged: (name) => void names.add(name),
    missing(name) {
      names.delete(name)
      if (told.has(name)) return
      told.add(name)
      logger.debug('speed-up-missing', { name })
    },
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
export const isFunction = (value: unknown): value is (...args: unknown[]) => unknown =>
  typeof value === 'function'
