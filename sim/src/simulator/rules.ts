import { messageOf, silentLogger, type LogFields, type Logger } from '@shoal/host'
import type { Membership, MembershipEvent } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import type { Route } from '@shoal/session'
import { createCoverageWatch } from './coverage-watch.ts'
import type { Generation } from './generation.ts'
import { ghostBoundMs } from './truth.ts'
import { createSizeChecks } from './size-checks.ts'
import type { WorldParts } from './world.ts'

/** The rules that hold at every moment of a run. Each violation is kept once. */
export interface Rules {
  readonly violations: readonly string[]
  violate(violation: string): void
  /** Ignores the violations that a scenario provokes on purpose. */
  pardon(isMeant: (violation: string) => boolean): void
  afterEvent(): void
  token(generation: Generation, token: { readonly index: number; readonly id: number } | null): void
  routeTaken(client: string, membership: Membership, route: Route): void
  membershipEvent(observer: string, event: MembershipEvent): void
  /** A node serves other blocks now, by its own decision; null for none. */
  moved(node: string, span: BlockRange | null): void
  /** Records that a node has ended and serves no block any more. */
  gone(node: string): void
  /** @returns a logger for the peer, on which a logged error is a violation */
  loggerOf(peer: string): Logger
}

/** Limit of violations that are kept: a broken world makes thousands of them. */
const violationsMax = 20
export function createRules(partsOf: () => WorldParts): Rules {
  const violations = new Set<string>()
  /** Highest incarnation of a peer that an observer has seen end, in this life of the observer. */
  const over = new Map<string, number>()
  const coverage = createCoverageWatch()
  let isMeant: (violation: string) => boolean = () => false

  const forget = (observer: string): void => {
    for (const key of over.keys()) if (key.startsWith(`${observer} `)) over.delete(key)
  }
  const violate = (violation: string): void => {
    if (isMeant(violation)) return
    if (violations.size >= violationsMax || violations.has(violation)) return
    violations.add(violation)
    partsOf().trace.add(`violation: ${violation}`)
  }

  const sizes = createSizeChecks(partsOf, violate)

  return {
    get violations() {
      return [...violations]
    },
    violate,
    pardon: (meant) => void (isMeant = meant),
    afterEvent: () => sizes.afterEvent(),
    token(generation, token) {
      const fault = faultOfToken(generation, token)
      if (fault !== null) violate(fault)
    },
    routeTaken(client, membership, route) {
      for (const fault of faultsOfRoute(partsOf(), over, client, membership, route)) violate(fault)
    },
    membershipEvent(observer, event) {
      if (event.type === 'peer-shut-out' || event.type === 'peer-suspected') return
      if (event.type === 'self-expired') {
        forget(observer)
        return
      }
      const key = `${observer} ${event.peer}`
      if (event.type !== 'peer-joined') over.set(key, Math.max(event.incarnation, over.get(key) ?? 0))
      else if (event.incarnation <= (over.get(key) ?? 0))
        violate(`${observer} holds ${event.peer}@${event.incarnation} alive again`)
    },
    moved(node, span) {
      const { book, loop, topology } = partsOf()
      const uncovered = coverage.serves(node, span)
      // A node that has not heard of a fault yet may count on a peer that is gone, so nothing can be required of it.
      const disturbed = book.impairedSince(loop.clock.nowMs() - topology.profile.leaseMs).size > 0
      if (uncovered.length > 0 && !disturbed)
        violate(`${node} moved away from block ${uncovered.join(', ')}, which nobody else serves`)
    },
    gone: (node) => coverage.gone(node),
    loggerOf(peer) {
      forget(peer)
      return tracedLogger(peer, (line) => partsOf().trace.add(line), violate)
    },
  }
}

/** What is wrong with a token, or with the end of the answer where `token` is null; null when nothing is. */
function faultOfToken(
  { client, expected, tokens, state, error, startMs, mayFail }: Generation,
  token: { readonly index: number; readonly id: number } | null,
): string | null {
  if (token !== null)
    return expected[token.index] === token.id
      ? null
      : `${client}: token ${token.index} of the answer begun at ${startMs} ms is ${token.id} instead of ${expected[token.index]}`
  if (state === 'failed' && !(mayFail && error?.code !== 'none'))
    return `${client}: the answer begun at ${startMs} ms ended after ${tokens.length} of ${expected.length} tokens: ${error?.code} ${error?.message}`
  if (state === 'done' && tokens.length !== expected.length)
    return `${client}: ${tokens.length} tokens instead of ${expected.length}`
  return null
}

/** @param over highest incarnation that each observer has seen end, keyed `observer peer` */
function* faultsOfRoute(
  world: WorldParts,
  over: ReadonlyMap<string, number>,
  client: string,
  membership: Membership,
  route: Route,
): Generator<string> {
  const nowMs = world.loop.clock.nowMs()
  for (const { peer, incarnation } of route) {
    const known = membership.members().find(({ record }) => record.peerId === peer)
    // A connection may have ended since the route was found, and a suspected peer is not dead.
    const lives = known?.liveness === 'alive' || known?.liveness === 'suspect'
    if (!lives || known.record.incarnation !== incarnation)
      yield `${client} routes to ${peer}@${incarnation}, which it holds ${known?.liveness ?? 'unknown'}`
    if (incarnation <= (over.get(`${client} ${peer}`) ?? 0))
      yield `${client} routes to ${peer}@${incarnation}, whose end it has seen`
    const ended = world.endedMs(`${peer}@${incarnation}`)
    if (ended !== undefined && nowMs - ended > ghostBoundMs(world.topology.profile))
      yield `${client} routes to ${peer}@${incarnation} ${nowMs - ended} ms after its end`
  }
}

/** A logger whose lines go to the trace; what a real node would log as an error is a violation. */
function tracedLogger(
  peer: string,
  trace: (line: string) => void,
  violate: (violation: string) => void,
): Logger {
  const say = (event: string, fields: LogFields): void =>
    trace(`${peer} says ${event} ${JSON.stringify(fields)}`)
  const logger = (base: LogFields): Logger => ({
    ...silentLogger,
    info: (event, fields) => say(event, { ...base, ...fields }),
    warn: (event, fields) => say(event, { ...base, ...fields }),
    error: (event, fields) =>
      violate(`${peer} says ${event}: ${messageOf(JSON.stringify({ ...base, ...fields }))}`),
    child: (fields) => logger({ ...base, ...fields }),
  })
  return logger({})
}
