import { describeMachine } from './machine.ts'
import { documentAfter } from './membership/document-bytes.ts'
import { bytesAtRest, detectionMs, framingBytes, healMs } from './membership/traffic.ts'
import { medians, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'
import { turnOfEventLoop } from '../turn.ts'

/** Bytes and times of membership on the memory network. Virtual time: what is measured is the protocol, not the machine. */
export async function benchMembership(settings: BenchSettings): Promise<BenchReport> {
  const samples: Record<string, number[]> = {}
  const say = async (metric: string, value: number): Promise<void> => {
    ;(samples[metric] ??= []).push(value)
    settings.report(`${metric} ${value}`)
    await turnOfEventLoop()
  }

  for (let seed = 1; seed <= settings.rounds; seed += 1) {
    await say('healMs', await healMs(seed))
    await say('detectionMs', await detectionMs(seed, 'killed'))
    await say('detectionMsSilent', await detectionMs(seed, 'silent'))
    await say('bytesPerPeerPerSecond16', await bytesAtRest(seed, 16))
  }
  // One round each, since these vary little and take long.
  await say('bytesPerPeerPerSecond64', await bytesAtRest(1, 64))
  await say('bytesPerPeerPerSecond128', await bytesAtRest(1, 128))
  const figures = await documentAfter(100_000, 100, 1000)
  await say('documentBytes', figures.lastBytes)
  await say('documentBytesFirst', figures.firstBytes)
  await say('documentBytesMost', figures.mostBytes)
  return {
    name: 'membership',
    machine: describeMachine(),
    model: 'none',
    settings: {
      rounds: settings.rounds,
      profile: 'lan',
      linkMs: 1,
      documentUpdates: 100_000,
      documentPeers: 100,
      documentRestarts: 1000,
    },
    samples,
    median: medians(samples),
    notes: [
      `memory network and virtual time: ${framingBytes} bytes are added to each frame for encryption and TCP/IP, pings are not counted, and no processor makes anybody late`,
      'detectionMs: a killed peer, whose connections break, until all of 15 hold it dead; detectionMsSilent: one that falls silent, which its lease decides',
      'healMs: 8 + 8 peers apart for 20 s, until all hold all alive in one snapshot; nearly all of it is the wait for the next turn',
      'documentBytes: the words that a reader keeps, with all checks, without a network in between; 20 links in each record, one of which changes with each word',
    ],
  }
}
