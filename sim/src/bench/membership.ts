import { describeMachine } from './machine.ts'
import { documentAfter } from './membership/document-bytes.ts'
import { idleConnection } from './membership/idle-connection.ts'
import { bytesAtRest, detectionMs, framingBytes, healMs } from './membership/traffic.ts'
import { medians, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'
import { planAgreement } from '../churn/agreement.ts'
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
  const agreement = await planAgreement(1, 64, 0.3, 3)
  await say('planAgreement64', agreement.share)
  await say('planDifferingMs64', agreement.differingMsMost)
  await say('planSettlingMs64', agreement.settlingMsMost)
  const idle = await idleConnection(130_000)
  await say('idleBytesPerSecond', idle.socketBytesPerSecond)
  await say('idleBytesPerSecondWire', idle.wireBytesPerSecond)
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
      'planAgreement64: share of samples in which all of 64 peers have one plan, while 30% an hour come and as many go; each of which follows its plan at moments of its own; planDifferingMs64: longest time without a break for which plans differ; planSettlingMs64: from the first difference after a change to the last one',
      'idleBytesPerSecond: both directions of a libp2p connection on loopback, at the sockets; Wire adds TCP/IP with an acknowledgement for each packet',
      'documentBytes: the words that a reader keeps, with all checks, without a network in between; 20 links in each record, one of which changes with each word',
    ],
  }
}
