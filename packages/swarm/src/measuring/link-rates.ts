import type { Clock } from '@shoal/host'

/** What links from other peers to this one have carried: bytes per second, by peer. */
export interface LinkRates {
  /** This peer waits for bytes from there, until `ended`: what lies between counts as the link's time. */
  began(peer: string): void
  /** @param bytes that came; 0 when it failed */
  ended(peer: string, bytes: number): void
  /** So many bytes came in so long: for whoever measures by himself. */
  sample(peer: string, bytes: number, ms: number): void
  /** The best of the last samples of each peer: what slowed a transfer down is mostly not the link. */
  rates(): ReadonlyMap<string, number>
  /** How often the link was measured, up to the samples kept. */
  samples(peer: string): number
  forget(peer: string): void
}

interface Account {
  waiting: number
  sinceMs: number
  busyMs: number
  bytes: number
  readonly samples: number[]
}

/** A sample has at least so much of both: shorter ones measure the first round trip and the clock. */
const sampleMs = 50
const sampleBytes = 256 * 1024
/** As many as bring a change of the link to light within a unit of weights or two. */
const samplesKept = 8
/** Peers remembered: as many as a record has links. The one asked longest ago goes first. */
const peersMax = 64

/** Rates of transfers that happen anyway, largest of the recent ones, as BBR filters its delivery rate. */
export function createLinkRates(clock: Clock): LinkRates {
  const accounts = new Map<string, Account>()
  const account = (peer: string): Account => {
    const known = accounts.get(peer) ?? { waiting: 0, sinceMs: 0, busyMs: 0, bytes: 0, samples: [] }
    accounts.delete(peer)
    accounts.set(peer, known)
    const [oldest] = accounts.keys()
    if (accounts.size > peersMax && oldest !== undefined) accounts.delete(oldest)
    return known
  }
  const keep = (known: Account, bytesPerSecond: number): void => {
    known.samples.push(bytesPerSecond)
    if (known.samples.length > samplesKept) known.samples.shift()
  }
  return {
    began(peer) {
      const known = account(peer)
      if (known.waiting === 0) known.sinceMs = clock.nowMs()
      known.waiting += 1
    },
    ended(peer, bytes) {
      const known = account(peer)
      if (known.waiting === 0) return
      known.waiting -= 1
      const nowMs = clock.nowMs()
      known.busyMs += nowMs - known.sinceMs
      known.sinceMs = nowMs
      known.bytes += bytes
      if (known.busyMs < sampleMs || known.bytes < sampleBytes) return
      keep(known, (known.bytes / known.busyMs) * 1000)
      known.bytes = 0
      known.busyMs = 0
    },
    sample(peer, bytes, ms) {
      if (ms > 0 && bytes > 0) keep(account(peer), (bytes / ms) * 1000)
    },
    rates: () =>
      new Map(
        [...accounts].flatMap(([peer, { samples }]) =>
          samples.length === 0 ? [] : [[peer, Math.max(...samples)]],
        ),
      ),
    samples: (peer) => accounts.get(peer)?.samples.length ?? 0,
    forget: (peer) => void accounts.delete(peer),
  }
}

/** Halves of an octave: finer steps would change with every transfer, and move no plan. */
const stepsPerOctave = 2

/** The nearest step, in whole bytes per second. */
export function coarseRate(bytesPerSecond: number): number {
  return Math.max(
    1,
    Math.round(2 ** (Math.round(Math.log2(bytesPerSecond) * stepsPerOctave) / stepsPerOctave)),
  )
}

/** At least 1 Gbit/s is one word: a row of hidden states takes a tenth of a millisecond then, and what is measured is the machines. */
const fastest = coarseRate(125_000_000)

/** Of what a peer says anew of its links: a rate that is still within a step and a half of what it said before stays. */
export function steadyRates(
  measured: ReadonlyMap<string, number>,
  said: Readonly<Record<string, number>>,
  most: number,
): Readonly<Record<string, number>> {
  const rates = [...measured].map(([peer, came]): [string, number] => {
    const rate = Math.min(came, fastest)
    const before = said[peer]
    const near = before !== undefined && Math.abs(Math.log2(rate / before)) * stepsPerOctave <= 1.5
    return [peer, near ? before : coarseRate(rate)]
  })
  return Object.fromEntries(rates.slice(-most).sort(([a], [b]) => (a < b ? -1 : 1)))
}
