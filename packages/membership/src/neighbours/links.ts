import { memberLimits } from '../limits.ts'

/** Round trips to neighbours by peer id, in microseconds. */
export type Links = Readonly<Record<string, number>>

/**
 * Below this a link is *near* and told as one number: on one machine or switch a measured round trip is mostly the
 * scheduling of both ends, and a hop's half of it is less than what a stage costs beside its blocks.
 */
export const nearMicros = 1000
/** What is told of a near link: the middle of the class. */
const toldWhenNearMicros = 500

/** An improvement is real, because the smallest round trip is never too small: it counts beyond this. */
const fallMicros = 1000
const fallShare = 0.1
/** A worse one may be a busy minute: only a plain change counts, a quarter as everywhere in planning. */
const riseMicros = 1500
const riseShare = 0.25

/**
 * What an owner says of its links, from what it has measured and what it said before. All readers plan with what the
 * owner says, so a word that stays is a plan and a hash that stay: `docs/decisions/0004`.
 */
export function linksToSay(measured: Links, said: Links): Links {
  const words = Object.entries(measured).map(([peer, micros]): [string, number] => {
    const before = said[peer]
    return [peer, before !== undefined && stillTrue(before, micros) ? before : wordFor(micros)]
  })
  // With more than fit, those said before stay: a set that changed with each reading would be news each time.
  words.sort(
    ([a, x], [b, y]) =>
      Number(said[a] === undefined) - Number(said[b] === undefined) || x - y || (a < b ? -1 : 1),
  )
  return Object.fromEntries(words.slice(0, memberLimits.maxLinks))
}

function wordFor(micros: number): number {
  return micros < nearMicros ? toldWhenNearMicros : micros
}

function stillTrue(said: number, measured: number): boolean {
  return (
    measured >= said - Math.max(fallMicros, said * fallShare) &&
    measured <= said + Math.max(riseMicros, said * riseShare)
  )
}

/** How what is said now differs from what was said before; null when it does not. */
export function changeOfLinks(said: Links, before: Links): 'lost' | 'found' | 'moved' | null {
  if (Object.keys(before).some((peer) => said[peer] === undefined)) return 'lost'
  if (Object.keys(said).some((peer) => before[peer] === undefined)) return 'found'
  return Object.keys(said).some((peer) => said[peer] !== before[peer]) ? 'moved' : null
}

/** Beats between the looks that may tell of a lost link, because others pass beats on to us only where they know of none, or of a new one, because until then plans are made with a guess. */
const setEveryBeats = 2
/** Before another word for a link that is told already; each further one waits twice as long, up to the most. */
const wordAfterBeats = 10
const wordAfterBeatsMost = 80

/** When an owner says something new of its links: each word is flooded to everybody, and makes all plan anew. */
export interface LinkWords {
  /** Once a beat. @returns what to say now; null for nothing new */
  next(measured: Links, said: Links): Links | null
}

export function createLinkWords(): LinkWords {
  let beats = 0
  let dueBeat = wordAfterBeats
  let pause = wordAfterBeats

  return {
    next(measured, said) {
      beats += 1
      const links = linksToSay(measured, said)
      const change = changeOfLinks(links, said)
      if (change === null) return null
      if (change === 'moved') {
        if (beats < dueBeat) return null
        // A busy minute gives many readings and few words: whatever the machine does, the swarm comes to rest.
        pause = Math.min(2 * pause, wordAfterBeatsMost)
      } else {
        if (beats % setEveryBeats !== 0) return null
        pause = wordAfterBeats
      }
      dueBeat = beats + pause
      return links
    },
  }
}
