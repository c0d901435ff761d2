import { expect, test } from 'vitest'
import { chooseAlgorithm, type ExchangeCosts } from './cost-model.ts'
import { algorithms, type Algorithm, type Exchange, type Outgoing } from '../exchange.ts'
import { gather } from '../gather.ts'
import { ring } from '../ring.ts'
import { star } from '../star.ts'

/*
 * Ranks on machines of their own, which cannot be measured on two cores: the real exchanges over links in virtual time. Each
 * rank has one outgoing and one incoming link of limited rate, and messages queue for both.
 */

const exchanges = { star, gather, ring }

interface Link {
  readonly name: string
  readonly latencyMs: number
  readonly bytesPerMs: number
}

interface Event {
  readonly atMs: number
  readonly order: number
  run(): void
}

/** Time until every rank has the total. */
function exchangedMs(
  algorithm: Algorithm,
  ranks: number,
  bytes: number,
  { latencyMs, bytesPerMs }: Link,
): number {
  const sides = Array.from({ length: ranks }, (_, rank): Exchange =>
    exchanges[algorithm]({ rank, ranks, rows: new Float32Array(bytes / 4) }),
  )
  const [outFreeMs, inFreeMs] = [sides.map(() => 0), sides.map(() => 0)]
  const events: Event[] = []
  let order = 0
  let nowMs = 0
  const at = (atMs: number, run: () => void): void => void events.push({ atMs, order: (order += 1), run })
  const send = (from: number, { to, ...part }: Outgoing): void => {
    const lastsMs = part.values.byteLength / bytesPerMs
    const values = part.values.slice()
    const leavesMs = Math.max(nowMs, outFreeMs[from]!)
    outFreeMs[from] = leavesMs + lastsMs
    at(leavesMs + latencyMs, () => {
      const arrivedMs = Math.max(nowMs, inFreeMs[to]!) + lastsMs
      inFreeMs[to] = arrivedMs
      at(arrivedMs, () => sides[to]!.receive(from, { ...part, values }).forEach((next) => send(to, next)))
    })
  }
  sides.forEach((exchange, rank) => exchange.start().forEach((part) => send(rank, part)))
  while (events.length > 0) {
    const next = events.reduce((first, event) =>
      event.atMs < first.atMs || (event.atMs === first.atMs && event.order < first.order) ? event : first,
    )
    events.splice(events.indexOf(next), 1)
    nowMs = next.atMs
    next.run()
  }
  expect(sides.every(({ done }) => done)).toBe(true)
  return nowMs
}

const links: readonly Link[] = [
  { name: '10 Gbit/s, 0.1 ms', latencyMs: 0.05, bytesPerMs: 1.25e6 },
  { name: '1 Gbit/s, 0.3 ms', latencyMs: 0.15, bytesPerMs: 125e3 },
  { name: '100 Mbit/s, 3 ms', latencyMs: 1.5, bytesPerMs: 12.5e3 },
  { name: '25 Mbit/s, 30 ms', latencyMs: 15, bytesPerMs: 3125 },
]

/** The costs that `measureLinks` would measure. */
const costsOf = ({ latencyMs, bytesPerMs }: Link): ExchangeCosts => ({
  roundTripMs: 2 * latencyMs,
  msPerByte: 1 / (2 * bytesPerMs),
  parallel: 64,
})

const cases = links.flatMap((link) => [2, 3, 4, 8].map((ranks) => ({ ...link, ranks })))

test.each(cases)(
  '$ranks ranks over $name: at every size the choice is within a factor of 1.2 or within 0.2 ms of the best',
  ({ ranks, ...link }) => {
    for (const bytes of [8192, 32_768, 131_072, 262_144, 393_216, 524_288, 1_048_576, 2_097_152]) {
      const times = new Map(
        algorithms.map((algorithm) => [algorithm, exchangedMs(algorithm, ranks, bytes, link)]),
      )
      const chosen = chooseAlgorithm(ranks, bytes, costsOf(link))
      const best = Math.min(...times.values())
      const bound = Math.max(1.2 * best, best + 0.2)
      expect(
        times.get(chosen),
        `${bytes} bytes: ${chosen} of ${JSON.stringify([...times])}`,
      ).toBeLessThanOrEqual(bound)
    }
  },
)
