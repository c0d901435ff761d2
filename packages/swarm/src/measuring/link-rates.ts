import type { Clock } from '@shoal/host'

/** Measured rates of the links from other peers to this one, in bytes per second. */
export interface LinkRates {
  /** This peer waits for bytes from `peer` until `ended`; that time counts for the link. */
  began(peer: string): void
  /** @param bytes received; 0 when the transfer failed */
  ended(peer: string, bytes: number): void
  /** Adds a measurement that the caller has made. */
  sample(peer: string, bytes: number, ms: number): void
  /** The highest of the last samples of each peer: what slows a transfer down is mostly not the link. */
  rates(): ReadonlyMap<string, number>
  /** How many measurements of the link are kept. */
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

/** A sample has at least this time and these bytes; a shorter one measures the first round trip and the clock. */
const sampleMs = 50
const sampleBytes = 256 * 1024
/** So few that a change of the link shows after one or two units of weights. */
const samplesKept = 8
/** Peers with an account, as many as a record lists links. The least recently used account is dropped first. */
const peersMax = 64

/** Rates of transfers that happen anyway. The maximum of recent samples counts, as in BBR's filter of the delivery rate. */
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

/** Rates are announced in half octaves. Finer steps would change with every transfer without changing a plan. */
const stepsPerOctave = 2

/** The nearest step, in whole bytes per second. */
export function coarseRate(bytesPerSecond: number): number {
  return Math.max(
    1,
    Math.round(2 ** (Math.round(Math.log2(bytesPerSecond) * stepsPerOctave) / stepsPerOctave)),
  )
}

/** Rates from 1 Gbit/s up are announced as one value: a row then takes 0.1 ms, and measurements show the machines. */
const fastest = coarseRate(125_000_000)

/**
 * The rates to announce, `most` at most. A rate that is within one and a half steps of the announced one does not change.
 * @param announced rates of the present record, by peer
 */
export function steadyRates(
  measured: ReadonlyMap<string, number>,
  announced: Readonly<Record<string, number>>,
  most: number,
): Readonly<Record<string, number>> {
  const rates = [...measured].map(([peer, came]): [string, number] => {
    const rate = Math.min(came, fastest)
    const before = announced[peer]
    const near = before !== undefined && Math.abs(Math.log2(rate / before)) * stepsPerOctave <= 1.5
    return [peer, near ? before : coarseRate(rate)]
  })
  return Object.fromEntries(rates.slice(-most).sort(([a], [b]) => (a < b ? -1 : 1)))
}
