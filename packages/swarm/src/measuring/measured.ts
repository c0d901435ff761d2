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
  /** The record's fields for this hardware; by default the hardware alone. A leader adds those of its group. */
  readonly recordFields?: ((hardware: MemberHardware) => Announcement) | undefined
}

/** The part of a record that measurements change. */
interface AnnouncedSpeed {
  readonly hardware: MemberHardware
  readonly rates: Readonly<Record<string, number>>
}

/** A speed is announced anew when it is off by more than this. Predictions tolerate less, and every announcement costs a new plan. */
const speedPermille = 150

/**
 * The speed in real steps and the link rates that a node should announce now. Pure.
 * @returns `announced` itself when nothing has changed enough
 */
export function nextSpeed(
  announced: AnnouncedSpeed,
  measured: ReadonlyMap<string, number>,
  decodeMicrosPerBlock: number | null,
): AnnouncedSpeed {
  const rates = steadyRates(measured, announced.rates, swarmLimits.announcedRates)
  const before = announced.hardware.decodeMicrosPerBlock
  const decode =
    decodeMicrosPerBlock === null || Math.abs(decodeMicrosPerBlock - before) * 1000 <= speedPermille * before
      ? before
      : decodeMicrosPerBlock
  const bandwidth = Math.max(0, ...Object.values(rates))
  const sameRates = JSON.stringify(rates) === JSON.stringify(announced.rates)
  if (sameRates && decode === before && bandwidth === announced.hardware.bandwidthBytesPerSecond)
    return announced
  return {
    rates,
    hardware: { ...announced.hardware, decodeMicrosPerBlock: decode, bandwidthBytesPerSecond: bandwidth },
  }
}

/** The longest pause between two announcements of the same values, in turns. */
const pauseTurnsMost = 16

/**
 * Announces what a node measures while it serves. Every announcement makes all nodes plan again. The first rate of a link is
 * announced at the next turn; changed values wait for pauses that double, so that a swarm comes to rest also on busy
 * machines, whose measurements never do.
 */
export function announceMeasurements(
  {
    clock,
    logger,
    membership,
    rates,
    steps,
    recordFields = (hardware): Announcement => ({ hardware }),
  }: MeasuredDependencies,
  first: MemberHardware,
): { close(): void } {
  let announced: AnnouncedSpeed = { hardware: first, rates: {} }
  let pauseMs: number = swarmLimits.announceIntervalMs
  let dueMs = clock.nowMs()
  const turn = async (): Promise<void> => {
    const next = nextSpeed(announced, rates.rates(), steps.decodeMicrosPerBlock())
    const isNews = Object.keys(next.rates).some((peer) => announced.rates[peer] === undefined)
    if (next === announced || (!isNews && clock.nowMs() < dueMs)) return
    await membership.announce({ rates: next.rates, ...recordFields(next.hardware) })
    announced = next
    pauseMs = isNews
      ? swarmLimits.announceIntervalMs
      : Math.min(2 * pauseMs, pauseTurnsMost * swarmLimits.announceIntervalMs)
    dueMs = clock.nowMs() + pauseMs
    logger.debug('measured-anew', {
      decodeMicrosPerBlock: next.hardware.decodeMicrosPerBlock,
      links: Object.keys(next.rates).length,
    })
  }
  const timer = every(clock, swarmLimits.announceIntervalMs, turn, (error) =>
    logger.warn('measured-not-said', { reason: messageOf(error) }),
  )
  return { close: () => timer.cancel() }
}
