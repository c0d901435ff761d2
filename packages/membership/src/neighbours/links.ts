import { memberLimits } from '../limits.ts'

/** Round trips to neighbours by peer id, in microseconds. */
export type Links = Readonly<Record<string, number>>

/**
 * Below this a link is *near*, and all near links are announced with the same value. On one machine or switch a measured
 * round trip is mostly scheduling delay at both ends, and half of it is less than a stage's overhead beside its blocks.
 */
export const nearMicros = 1000
/** Announced for every near link: the middle of the class. */
const nearLinkMicros = 500

/** An improvement beyond both of these is announced. It is real, because a smallest round trip is never too small. */
const fallMicros = 1000
const fallShare = 0.1
/**
 * A deterioration beyond both of these is announced. It may come from a busy minute, so the bounds are wider: a quarter,
 * which is also what a plan accepts before it moves spans.
 */
const riseMicros = 1500
const riseShare = 0.25

/**
 * The links that an owner announces, from what it has measured and what it announced before. All peers plan with announced
 * values, so plans and hashes stay the same as long as these do: `docs/decisions/0004`.
 */
export function linksToAnnounce(measured: Links, announced: Links): Links {
  const links = Object.entries(measured).map(([peer, micros]): [string, number] => {
    const before = announced[peer]
    return [peer, before !== undefined && isCloseEnough(before, micros) ? before : announcedValue(micros)]
  })
  // When there are too many, those announced before stay. Otherwise each reading could change the set.
  links.sort(
    ([a, x], [b, y]) =>
      Number(announced[a] === undefined) - Number(announced[b] === undefined) || x - y || (a < b ? -1 : 1),
  )
  return Object.fromEntries(links.slice(0, memberLimits.maxLinks))
}

function announcedValue(micros: number): number {
  return micros < nearMicros ? nearLinkMicros : micros
}

function isCloseEnough(announced: number, measured: number): boolean {
  return (
    measured >= announced - Math.max(fallMicros, announced * fallShare) &&
    measured <= announced + Math.max(riseMicros, announced * riseShare)
  )
}

/** How announced links differ from those before; null when they do not. */
export function changeOfLinks(announced: Links, before: Links): 'lost' | 'found' | 'moved' | null {
  if (Object.keys(before).some((peer) => announced[peer] === undefined)) return 'lost'
  if (Object.keys(announced).some((peer) => before[peer] === undefined)) return 'found'
  return Object.keys(announced).some((peer) => announced[peer] !== before[peer]) ? 'moved' : null
}

/** A lost or a new link is announced at the next even turn, since plans use a guess until a new link is announced. */
const setEveryTurns = 2
/** Turns that a changed value of an announced link waits. The wait doubles with each change, up to `valueAfterTurnsMost`. */
const valueAfterTurns = 10
const valueAfterTurnsMost = 80

/**
 * Decides when an owner announces its links anew. Each announcement is flooded to all peers and makes them plan again.
 */
export interface LinkAnnouncer {
  /** Called once a turn. @returns the links to announce now; null when there is nothing to announce */
  next(measured: Links, announced: Links): Links | null
}

export function createLinkAnnouncer(): LinkAnnouncer {
  let turns = 0
  let dueTurn = valueAfterTurns
  let pause = valueAfterTurns

  return {
    next(measured, announced) {
      turns += 1
      const links = linksToAnnounce(measured, announced)
      const change = changeOfLinks(links, announced)
      if (change === null) return null
      if (change === 'moved') {
        if (turns < dueTurn) return null
        // However much the readings of a busy machine vary, announcements become rare and the swarm comes to rest.
        pause = Math.min(2 * pause, valueAfterTurnsMost)
      } else {
        if (turns % setEveryTurns !== 0) return null
        pause = valueAfterTurns
      }
      dueTurn = turns + pause
      return links
    },
  }
}
