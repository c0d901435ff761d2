import { memberLimits } from '@shoal/membership'
import { limits } from '@shoal/protocol'
import { sessionLimits } from '@shoal/session'
import type { WorldParts } from './world.ts'

/** Checks that messages, memory, sessions, journals, documents and timers stay within their limits. */
export interface SizeChecks {
  afterEvent(): void
}

/**
 * Events between two checks in a swarm of eight. Sizes grow by one frame or session at a time, and with more peers each
 * of them has fewer of the events.
 */
const checkEveryEvents = 64
/** Checks between two looks at words, since these must be added up. */
const documentsEveryChecks = 16
/** Timers of one peer: a few for each of its sessions, channels and neighbours. */
const timersPerPeer = 256

export function createSizeChecks(
  partsOf: () => WorldParts,
  violate: (violation: string) => void,
): SizeChecks {
  let eventsUntilCheck = checkEveryEvents
  let checks = 0

  const checkMessages = ({ nodes, clients, network }: WorldParts): void => {
    const most = 2 * limits.maxSessionsPerPeer * sessionLimits.maxStepsInFlight
    for (const { transport } of [...nodes.values(), ...clients.values()]) {
      const a = transport.peerId
      // Frames travel over connections only.
      for (const b of transport.connected())
        if (a < b && network.underWay(a, b) > most)
          violate(`${network.underWay(a, b)} messages are on their way between ${a} and ${b}`)
    }
  }

  const checkNode = (name: string, { nodes, model }: WorldParts): void => {
    const { member, device } = nodes.get(name)!
    if (device.caches().overLimit) violate(`${name} has more in memory than it may`)
    const { sessions, journalBytes, journalReservedBytes } = member.stageHost.memory()
    if (sessions > sessionLimits.maxSessions) violate(`${name} has ${sessions} sessions`)
    // A journal grows by whole segments.
    const segmentBytes = sessionLimits.journalSegmentRows * model.manifest.manifest.config.hiddenSize * 4
    if (journalBytes > journalReservedBytes + sessions * segmentBytes)
      violate(`the journals of ${name} have ${journalBytes} bytes, ${journalReservedBytes} were admitted`)
    const looksAtDocuments = checks % documentsEveryChecks === 0
    if (!looksAtDocuments) return
    const { membership } = member
    if (membership.documentBytes() > membership.members().length * memberLimits.maxChainBytes)
      violate(`the words that ${name} keeps have ${membership.documentBytes()} bytes`)
  }

  const check = (parts: WorldParts): void => {
    const { nodes, clients, loop } = parts
    const peers = nodes.size + clients.size
    checks += 1
    eventsUntilCheck = checkEveryEvents * Math.max(1, Math.floor(peers / 8))
    checkMessages(parts)
    for (const name of nodes.keys()) checkNode(name, parts)
    if (loop.clock.pending() > timersPerPeer * (peers + 1)) violate(`${loop.clock.pending()} timers wait`)
  }

  return {
    afterEvent() {
      eventsUntilCheck -= 1
      if (eventsUntilCheck <= 0) check(partsOf())
    },
  }
}
