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

/** A way to a peer, and the channels that are open on it. */
interface Way {
  readonly name: 'Direct' | 'Relay' | 'Punched'
  readonly peer: string
  readonly open: readonly Channel[]
}

/**
 * The rate of a transfer and the time of a round trip through a relay, and on a connection through both routers, beside those
 * of a direct connection. The relay, the three peers and this one are processes of one machine; the ways are measured in
 * turns.
 */
export async function benchRelay(settings: BenchSettings): Promise<BenchReport> {
  const samples: Record<string, number[]> = {}
  const say = (name: string, value: number): void => void (samples[name] ??= []).push(round(value))
  const peers = await startPeers()
  try {
    const ways = await waysTo(peers)
    // The first round compiles the code of a hop.
    for (let turn = -1; turn < settings.rounds; turn += 1) {
      const tell = turn < 0 ? () => undefined : say
      for (const sessions of sessionCounts)
        for (const { name, open } of inTurns(ways, turn)) {
          const times = await atOnce(open.slice(0, sessions))
          tell(`rttMs${name}${sessions === 1 ? '' : `${sessions}Sessions`}`, median(times))
          tell(`rttMsP90${name}${sessions === 1 ? '' : `${sessions}Sessions`}`, quantile(times, 0.9))
        }
      await measureRates(peers, ways, tell, turn)
      await measureBesideTransfer(peers, ways, tell)
      settings.report(`round ${turn + 1} of ${settings.rounds}`)
    }
  } finally {
    await peers.close()
  }
  for (const way of ['Relay', 'RelayBurst', 'Punched'])
    if (samples[`rateMiB${way}`] !== undefined)
      samples[`rate${way}ToDirect`] = ratios(samples[`rateMiB${way}`] ?? [], samples['rateMiBDirect'] ?? [])
  return {
    name: 'relay',
    machine: describeMachine(),
    model: 'none',
    settings: { rounds: settings.rounds, rowBytes, sustainedBytes, sessions: sessionCounts },
    samples,
    median: medians(samples),
    notes: [
      ...(peers.whyNotPunched === null ? [] : [`no connection through both routers: ${peers.whyNotPunched}`]),
      `a relay forwards ${bytesPerSecond / mebibyte} MiB/s for one peer, after ${burstBytes / mebibyte} MiB at once: rateMiBRelay is behind that burst, rateMiBRelayBurst within it`,
      'loopback: relay and peers share the processors of one machine, and no link adds its delay; between homes the delays of both links add up',
      `a round trip carries ${rowBytes} bytes each way; of several sessions each has a channel of its own and one row under way`,
    ],
  }
}

/** The order of the variants alternates, so that a machine that grows slower hits both alike. */
const inTurns = <Entry>(entries: readonly Entry[], turn: number): readonly Entry[] =>
  turn % 2 === 0 ? entries : entries.toReversed()

async function waysTo(peers: BenchPeers): Promise<readonly Way[]> {
  const { direct, relayed, punched } = peers
  return [
    { name: 'Direct', peer: direct, open: await channels(peers, direct) },
    { name: 'Relay', peer: relayed, open: await channels(peers, relayed) },
    ...(punched === null
      ? []
      : [{ name: 'Punched' as const, peer: punched, open: await channels(peers, punched) }]),
  ]
}

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

/** Transfers over all ways, one after the other. */
async function measureRates(
  { transport }: BenchPeers,
  ways: readonly Way[],
  tell: Tell,
  turn: number,
): Promise<void> {
  for (const { name, peer } of inTurns(ways, turn)) {
    const rate = async (bytes: number): Promise<number> =>
      (await transferRate(transport, peer, bytes)) / mebibyte
    if (name === 'Relay') {
      // The relay has its whole burst again.
      await sleep(systemClock, (burstBytes / bytesPerSecond) * 1000)
      tell('rateMiBRelayBurst', await rate(burstBytes))
      tell('rateMiBRelay', await rate(sustainedBytes))
    } else tell(`rateMiB${name}`, await rate(burstBytes + sustainedBytes))
  }
}

/** One session while weights travel over the same connection. */
async function measureBesideTransfer(
  { transport }: BenchPeers,
  ways: readonly Way[],
  tell: Tell,
): Promise<void> {
  for (const { name, peer, open } of ways) {
    const transfer = transferRate(transport, peer, sustainedBytes)
    const times: number[] = []
    let runs = true
    const ended = transfer.finally(() => (runs = false))
    while (runs) times.push(...(await roundTrips(open[0]!, rowBytes, 1)))
    await ended
    tell(`rttMs${name}BesideTransfer`, median(times))
  }
}
