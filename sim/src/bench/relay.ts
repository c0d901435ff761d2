import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { networkLimits, type Channel } from '@shoal/network'
import { describeMachine } from './machine.ts'
import { echoProtocol } from './relay/places.ts'
import { roundTrips, startPeers, transferRate, type BenchPeers } from './relay/peers.ts'
import { median, medians, quantile, ratios, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'

const mebibyte = 2 ** 20
/** The hidden state of one row of 2,048 columns. */
const rowBytes = 8192
const sessionCounts = [1, 4, 16]
/** Round trips in a sample, over all sessions. */
const roundTripsEach = 160
/** What is measured after the burst that a relay forwards without a pause. */
const sustainedBytes = 16 * mebibyte
const { burstBytes, bytesPerSecond } = networkLimits.relayRateOfPeer

/**
 * The rate of a transfer and the time of a round trip through a relay beside those of a direct connection. The relay, both
 * peers and this one are processes of one machine; both ways are measured in turns.
 */
export async function benchRelay(settings: BenchSettings): Promise<BenchReport> {
  const samples: Record<string, number[]> = {}
  const say = (name: string, value: number): void => void (samples[name] ??= []).push(round(value))
  const peers = await startPeers()
  try {
    const ways = { Direct: await channels(peers, peers.direct), Relay: await channels(peers, peers.relayed) }
    // The first round compiles the code of a hop.
    for (let turn = -1; turn < settings.rounds; turn += 1) {
      const tell = turn < 0 ? () => undefined : say
      for (const sessions of sessionCounts)
        for (const [way, open] of inTurns(Object.entries(ways), turn)) {
          const times = await atOnce(open.slice(0, sessions))
          tell(`rttMs${way}${sessions === 1 ? '' : `${sessions}Sessions`}`, median(times))
          tell(`rttMsP90${way}${sessions === 1 ? '' : `${sessions}Sessions`}`, quantile(times, 0.9))
        }
      await measureRates(peers, tell, turn)
      await measureBesideTransfer(peers, ways, tell)
      settings.report(`round ${turn + 1} of ${settings.rounds}`)
    }
  } finally {
    await peers.close()
  }
  samples['rateRelayToDirect'] = ratios(samples['rateMiBRelay'] ?? [], samples['rateMiBDirect'] ?? [])
  samples['rateRelayBurstToDirect'] = ratios(
    samples['rateMiBRelayBurst'] ?? [],
    samples['rateMiBDirect'] ?? [],
  )
  return {
    name: 'relay',
    machine: describeMachine(),
    model: 'none',
    settings: { rounds: settings.rounds, rowBytes, sustainedBytes, sessions: sessionCounts },
    samples,
    median: medians(samples),
    notes: [
      `a relay forwards ${bytesPerSecond / mebibyte} MiB/s for one peer, after ${burstBytes / mebibyte} MiB at once: rateMiBRelay is behind that burst, rateMiBRelayBurst within it`,
      'loopback: relay and peers share the processors of one machine, and no link adds its delay; between homes the delays of both links add up',
      `a round trip carries ${rowBytes} bytes each way; of several sessions each has a channel of its own and one row under way`,
    ],
  }
}

/** The order of the variants alternates, so that a machine that grows slower hits both alike. */
const inTurns = <Entry>(entries: readonly Entry[], turn: number): readonly Entry[] =>
  turn % 2 === 0 ? entries : entries.toReversed()

function channels({ transport }: BenchPeers, peer: string): Promise<readonly Channel[]> {
  const most = Math.max(...sessionCounts)
  return Promise.all(
    Array.from({ length: most }, () =>
      transport.open(peer, echoProtocol, { signal: AbortSignal.timeout(20_000) }),
    ),
  )
}

async function atOnce(open: readonly Channel[]): Promise<readonly number[]> {
  const count = Math.ceil(roundTripsEach / open.length)
  return (await Promise.all(open.map((channel) => roundTrips(channel, rowBytes, count)))).flat()
}

type Tell = (name: string, value: number) => void

/** Transfers over both ways, one after the other. */
async function measureRates(
  { transport, direct, relayed }: BenchPeers,
  tell: Tell,
  turn: number,
): Promise<void> {
  const overDirect = async (): Promise<void> =>
    tell('rateMiBDirect', (await transferRate(transport, direct, burstBytes + sustainedBytes)) / mebibyte)
  const overRelay = async (): Promise<void> => {
    // The relay has its whole burst again.
    await sleep(systemClock, (burstBytes / bytesPerSecond) * 1000)
    tell('rateMiBRelayBurst', (await transferRate(transport, relayed, burstBytes)) / mebibyte)
    tell('rateMiBRelay', (await transferRate(transport, relayed, sustainedBytes)) / mebibyte)
  }
  for (const measure of inTurns([overDirect, overRelay], turn)) await measure()
}

/** One session while weights travel over the same connection. */
async function measureBesideTransfer(
  { transport, direct, relayed }: BenchPeers,
  ways: { readonly Direct: readonly Channel[]; readonly Relay: readonly Channel[] },
  tell: Tell,
): Promise<void> {
  for (const [way, peer, open] of [
    ['Direct', direct, ways.Direct],
    ['Relay', relayed, ways.Relay],
  ] as const) {
    const transfer = transferRate(transport, peer, sustainedBytes)
    const times: number[] = []
    let runs = true
    const ended = transfer.finally(() => (runs = false))
    while (runs) times.push(...(await roundTrips(open[0]!, rowBytes, 1)))
    await ended
    tell(`rttMs${way}BesideTransfer`, median(times))
  }
}
