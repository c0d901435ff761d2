import { every, messageOf, type Clock, type Logger } from '@shoal/host'
import type { Announcement, MemberHardware, Membership } from '@shoal/membership'
import { steadyRates, type LinkRates } from './link-rates.ts'
import { swarmLimits } from '../limits.ts'
import type { StepSpeed } from './step-speed.ts'

export interface MeasuredDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly membership: Pick<Membership, 'announce'>
  readonly rates: LinkRates
  readonly steps: Pick<StepSpeed, 'decodeMicrosPerBlock'>
  /** What the record says of this hardware: who leads a group says more than its own. */
  readonly said?: ((hardware: MemberHardware) => Announcement) | undefined
}

/** What a record says of its owner's speed. */
interface Said {
  readonly hardware: MemberHardware
  readonly rates: Readonly<Record<string, number>>
}

/** A speed is told anew when it is off by more than this: below it predictions are good enough, and plans should not stir. */
const speedPermille = 150

/**
 * What a node should say now: its speed in real steps, and its links. The same object when nothing has changed enough.
 * Pure.
 */
export function saying(
  said: Said,
  measured: ReadonlyMap<string, number>,
  decodeMicrosPerBlock: number | null,
): Said {
  const rates = steadyRates(measured, said.rates, swarmLimits.ratesSaid)
  const before = said.hardware.decodeMicrosPerBlock
  const decode =
    decodeMicrosPerBlock === null || Math.abs(decodeMicrosPerBlock - before) * 1000 <= speedPermille * before
      ? before
      : decodeMicrosPerBlock
  const bandwidth = Math.max(0, ...Object.values(rates))
  const sameRates = JSON.stringify(rates) === JSON.stringify(said.rates)
  if (sameRates && decode === before && bandwidth === said.hardware.bandwidthBytesPerSecond) return said
  return {
    rates,
    hardware: { ...said.hardware, decodeMicrosPerBlock: decode, bandwidthBytesPerSecond: bandwidth },
  }
}

/** Most that the pause between two words about the same things grows to, in turns. */
const pauseTurnsMost = 16

/**
 * Keeps a node's record true to what it measures. Each word makes all plan anew, so a first word about a link comes soon,
 * and others after pauses that double: the swarm comes to rest on busy machines too, whose measurements never do.
 */
export function keepMeasured(
  {
    clock,
    logger,
    membership,
    rates,
    steps,
    said: sayHardware = (hardware): Announcement => ({ hardware }),
  }: MeasuredDependencies,
  first: MemberHardware,
): { close(): void } {
  let said: Said = { hardware: first, rates: {} }
  let pauseMs: number = swarmLimits.sayAgainMs
  let dueMs = clock.nowMs()
  const turn = async (): Promise<void> => {
    const next = saying(said, rates.rates(), steps.decodeMicrosPerBlock())
    const isNews = Object.keys(next.rates).some((peer) => said.rates[peer] === undefined)
    if (next === said || (!isNews && clock.nowMs() < dueMs)) return
    await membership.announce({ rates: next.rates, ...sayHardware(next.hardware) })
    said = next
    pauseMs = isNews ? swarmLimits.sayAgainMs : Math.min(2 * pauseMs, pauseTurnsMost * swarmLimits.sayAgainMs)
    dueMs = clock.nowMs() + pauseMs
    logger.debug('measured-anew', {
      decodeMicrosPerBlock: next.hardware.decodeMicrosPerBlock,
      links: Object.keys(next.rates).length,
    })
  }
  const timer = every(clock, swarmLimits.sayAgainMs, turn, (error) =>
    logger.warn('measured-not-said', { reason: messageOf(error) }),
  )
  return { close: () => timer.cancel() }
}
