import { messageOf, silentLogger, type LogFields, type Logger } from '@shoal/host'
import type { Membership, MembershipEvent } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import { limits } from '@shoal/protocol'
import { sessionLimits, type Route } from '@shoal/session'
import { createCoverageWatch } from './coverage-watch.ts'
import type { Generation } from './generation.ts'
import { ghostBoundMs } from './truth.ts'
import type { World } from './world.ts'

/** What must hold at every moment. Each breach is told once. */
export interface Rules {
  readonly violations: readonly string[]
  violate(violation: string): void
  /** What a scenario provokes on purpose. */
  pardon(isMeant: (violation: string) => boolean): void
  afterEvent(): void
  token(generation: Generation, token: { readonly index: number; readonly id: number } | null): void
  routeTaken(client: string, membership: Membership, route: Route): void
  membershipEvent(observer: string, event: MembershipEvent): void
  /** A node serves other blocks now, by its own decision. */
  moved(node: string, span: BlockRange | null): void
  /** It is gone with what it served. */
  gone(node: string): void
  /** What a real node would log as an error is one here. */
  loggerOf(peer: string): Logger
}

/** Breaches that are kept; a broken world makes them by the thousand. */
const violationsMax = 20
/** Sizes are looked at once in so many events, in a swarm of eight: they grow by one frame or session at a time, and of many peers each has few of the events. */
const sizesEvery = 64
const sizesEveryOf = (peers: number): number => sizesEvery * Math.max(1, Math.floor(peers / 8))
/** Once in so many looks: to weigh a document is to encode it. */
const documentsEvery = 16
/** Timers of one peer: a few for each of its sessions, channels and neighbours. */
const timersPerPeer = 256

export function createRules(worldOf: () => World): Rules {
  const violations = new Set<string>()
  /** Highest incarnation of a peer that an observer has seen end, in this life of the observer. */
  const over = new Map<string, number>()
  const coverage = createCoverageWatch()
  let isMeant: (violation: string) => boolean = () => false
  let eventsUntilLook = sizesEvery
  let looks = 0

  const violate = (violation: string): void => {
    if (isMeant(violation)) return
    if (violations.size >= violationsMax || violations.has(violation)) return
    violations.add(violation)
    worldOf().trace.add(`violation: ${violation}`)
  }

  const checkSizes = (): void => {
    const { nodes, clients, network, loop, topology } = worldOf()
    const names = [...nodes.keys(), ...clients.keys()]
    looks += 1
    eventsUntilLook = sizesEveryOf(names.length)
    for (const { transport } of [...nodes.values(), ...clients.values()]) {
      const a = transport.peerId
      // Frames travel over connections only.
      for (const b of transport.connected())
        if (a < b && network.underWay(a, b) > 2 * limits.maxSessionsPerPeer * sessionLimits.maxStepsInFlight)
          violate(`${network.underWay(a, b)} messages are on their way between ${a} and ${b}`)
    }
    for (const [name, { member, device }] of nodes) {
      if (device.caches().overLimit) violate(`${name} has more in memory than it may`)
      const { sessions, journalBytes, journalReservedBytes } = member.stageHost.memory()
      if (sessions > sessionLimits.maxSessions) violate(`${name} has ${sessions} sessions`)
      // A journal grows by whole segments.
      if (
        journalBytes >
        journalReservedBytes +
          sessions *
            sessionLimits.journalSegmentRows *
            worldOf().model.manifest.manifest.config.hiddenSize *
            4
      )
        violate(`the journals of ${name} have ${journalBytes} bytes, ${journalReservedBytes} were admitted`)
      // Remains of overwritten values may come to half of the bound again before a rotation notices.
      if (
        looks % documentsEvery === 0 &&
        member.membership.documentBytes() > 2 * topology.profile.rotateAtBytes
      )
        violate(`the document of ${name} has ${member.membership.documentBytes()} bytes`)
    }
    if (loop.clock.pending() > timersPerPeer * (names.length + 1))
      violate(`${loop.clock.pending()} timers wait`)
  }

  return {
    get violations() {
      return [...violations]
    },
    violate,
    pardon: (meant) => void (isMeant = meant),
    afterEvent() {
      eventsUntilLook -= 1
      if (eventsUntilLook <= 0) checkSizes()
    },
    token({ client, expected, tokens, state, error, startMs, mayFail }, token) {
      if (token === null) {
        if (state === 'failed' && !(mayFail && error?.code !== 'none'))
          violate(
            `${client}: the answer begun at ${startMs} ms ended after ${tokens.length} of ${expected.length} tokens: ${error?.code} ${error?.message}`,
          )
        else if (state === 'done' && tokens.length !== expected.length)
          violate(`${client}: ${tokens.length} tokens instead of ${expected.length}`)
      } else if (expected[token.index] !== token.id)
        violate(
          `${client}: token ${token.index} of the answer begun at ${startMs} ms is ${token.id} instead of ${expected[token.index]}`,
        )
    },
    routeTaken(client, membership, route) {
      const world = worldOf()
      const nowMs = world.loop.clock.nowMs()
      for (const { peer, incarnation } of route) {
        const known = membership.members().find(({ record }) => record.peerId === peer)
        // Between the finding and this look a connection may have ended: suspected is not dead.
        const lives = known?.liveness === 'alive' || known?.liveness === 'suspect'
        if (!lives || known.record.incarnation !== incarnation)
          violate(
            `${client} routes to ${peer}@${incarnation}, which it holds ${known?.liveness ?? 'unknown'}`,
          )
        if (incarnation <= (over.get(`${client} ${peer}`) ?? 0))
          violate(`${client} routes to ${peer}@${incarnation}, whose end it has seen`)
        const endedMs = world.endedMs(`${peer}@${incarnation}`)
        if (endedMs !== undefined && nowMs - endedMs > ghostBoundMs(world.topology.profile))
          violate(`${client} routes to ${peer}@${incarnation} ${nowMs - endedMs} ms after its end`)
      }
    },
    membershipEvent(observer, event) {
      if (event.type === 'peer-shut-out' || event.type === 'peer-suspected' || event.type === 'self-expired')
        return
      const key = `${observer} ${event.peer}`
      if (event.type !== 'peer-joined') over.set(key, Math.max(event.incarnation, over.get(key) ?? 0))
      else if (event.incarnation <= (over.get(key) ?? 0))
        violate(`${observer} holds ${event.peer}@${event.incarnation} alive again`)
    },
    moved(node, span) {
      const { book, loop, topology } = worldOf()
      const uncovered = coverage.serves(node, span)
      // Whoever has not heard of a fault yet may count on somebody who is gone: no rule can hold then.
      const disturbed = book.impairedSince(loop.clock.nowMs() - topology.profile.leaseMs).size > 0
      if (uncovered.length > 0 && !disturbed)
        violate(`${node} moved away from block ${uncovered.join(', ')}, which nobody else serves`)
    },
    gone: (node) => coverage.gone(node),
    loggerOf(peer) {
      for (const key of over.keys()) if (key.startsWith(`${peer} `)) over.delete(key)
      const say = (event: string, fields: LogFields): void =>
        worldOf().trace.add(`${peer} says ${event} ${JSON.stringify(fields)}`)
      const logger = (base: LogFields): Logger => ({
        ...silentLogger,
        info: (event, fields) => say(event, { ...base, ...fields }),
        warn: (event, fields) => say(event, { ...base, ...fields }),
        error: (event, fields) =>
          violate(`${peer} says ${event}: ${messageOf(JSON.stringify({ ...base, ...fields }))}`),
        child: (fields) => logger({ ...base, ...fields }),
      })
      return logger({})
    },
  }
}
