import {
  messageOf,
  ShoalError,
  timeLimit,
  type Clock,
  type Logger,
  type Random,
  type Timer,
} from '@shoal/host'
import { sealHardware, type Membership, type MemberRecord } from '@shoal/membership'
import { formatProfile, type IdentifiedManifest } from '@shoal/model'
import type { Directory, Provider, Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'
import { manifestTopic, modelTopic } from './topics.ts'

/** Keeps a node's word in the directory of all Shoal peers, and finds parts of its own swarm that it does not know. */
export interface Publisher {
  start(): void
  /** Other nodes of this manifest that the directory named at the last turn; null before the first. */
  providers(): number | null
  /** Says `left`, as far as that takes no long time. */
  leave(signal: AbortSignal): Promise<void>
  close(): void
}

export interface PublisherDependencies {
  readonly directory: Directory
  readonly transport: Pick<Transport, 'peerId' | 'sign' | 'dial' | 'learn' | 'connected'>
  readonly membership: Pick<Membership, 'members' | 'onChange'>
  readonly manifest: IdentifiedManifest
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Says hello to a peer that is said to be of this swarm; membership takes over from there. */
  readonly greet: (peer: string, signal: AbortSignal) => Promise<void>
}

export function createPublisher(
  dependencies: PublisherDependencies,
  options: { readonly bootstrap: readonly string[] },
): Publisher {
  const { directory, transport, membership, manifest, clock, random, logger, greet } = dependencies
  const { name, config, assets, profile } = manifest.manifest
  const topics = [manifestTopic(manifest.id), modelTopic({ name, config, assets })]
  const closing = new AbortController()
  let timer: { readonly dueMs: number; readonly timer: Timer } | null = null
  let running = false
  let awaiting = false
  /** Doubles up to a turn: those that start together find each other soon, whoever was too busy to be found at first. */
  let pauseMs: number = swarmLimits.directoryRetryMs / 2
  let seq = 0
  let said: string | null = null
  let named: number | null = null

  const own = (): MemberRecord | undefined =>
    membership.members().find(({ record }) => record.peerId === transport.peerId)?.record
  /** What a stranger chooses by: other changes wait for the next turn. */
  const essence = (record: MemberRecord | undefined): string | null =>
    record === undefined
      ? null
      : JSON.stringify([record.incarnation, record.state, record.span, record.addresses])

  const publish = async (record: MemberRecord, signal: AbortSignal): Promise<number> => {
    seq += 1
    said = essence(record)
    return directory.publish(
      await sealHardware(transport, {
        manifest: manifest.id,
        model: name,
        profile: formatProfile(profile),
        member: { ...record, seq },
      }),
      { signal },
    )
  }

  const dialBootstrap = async (signal: AbortSignal): Promise<void> => {
    await Promise.all(
      options.bootstrap.map((address) =>
        transport
          .dial(address, { signal })
          .catch((error: unknown) => logger.debug('bootstrap-silent', { address, reason: messageOf(error) })),
      ),
    )
  }

  /** Nodes of this manifest that are no members here: another part of the swarm, or one that somebody else began. */
  const mergeIslands = async (signal: AbortSignal): Promise<void> => {
    const members = new Map(membership.members().map(({ record, liveness }) => [record.peerId, liveness]))
    const strange: Provider[] = []
    let count = 0
    for await (const provider of directory.providers(topics[0]!, { signal })) {
      count += 1
      const liveness = members.get(provider.peerId)
      if (liveness === undefined || liveness === 'unknown') strange.push(provider)
    }
    named = count
    for (const { peerId, addresses } of strange.slice(0, swarmLimits.islandsPerTurn)) {
      transport.learn(peerId, addresses)
      await greet(peerId, signal).then(
        () => logger.info('island-found', { peer: peerId }),
        (error: unknown) => logger.debug('provider-silent', { peer: peerId, reason: messageOf(error) }),
      )
    }
  }

  /** @returns whether anybody heard it */
  const turn = async (): Promise<boolean> => {
    const told = await inTime(tell)
    if (told > 0) await inTime(mergeIslands)
    logger.debug('directory-told', { peers: told, providers: named })
    return told > 0
  }

  const tell = async (signal: AbortSignal): Promise<number> => {
    if (directory.stats().peers === 0) await dialBootstrap(signal)
    const record = own()
    if (record === undefined || record.state === 'left') return 0
    let told = await publish(record, signal)
    for (const topic of topics) told = Math.min(told, await directory.provide(topic, { signal }))
    return told
  }

  const inTime = async <Value>(work: (signal: AbortSignal) => Promise<Value>): Promise<Value> => {
    const limit = timeLimit(
      clock,
      swarmLimits.directoryPublishMs,
      () => new ShoalError('deadline-passed', 'the directory was too slow'),
      closing.signal,
    )
    try {
      return await work(limit.signal)
    } finally {
      limit.clear()
    }
  }

  const run = async (): Promise<void> => {
    timer = null
    if (running || closing.signal.aborted) return
    running = true
    let heard = false
    try {
      heard = await turn()
    } catch (error) {
      if (!closing.signal.aborted) logger.debug('directory-turn-failed', { reason: messageOf(error) })
    } finally {
      running = false
    }
    // Peers that began together must not speak together for ever.
    if (heard) pauseMs = Math.min(2 * pauseMs, swarmLimits.directoryTurnMs)
    schedule(pauseMs * (0.9 + 0.2 * random.unit()))
    if (heard) onChange()
    else awaitPeers()
  }

  const schedule = (delayMs: number): void => {
    const dueMs = clock.nowMs() + delayMs
    if (closing.signal.aborted || running || (timer !== null && timer.dueMs <= dueMs)) return
    timer?.timer.cancel()
    timer = { dueMs, timer: clock.after(delayMs, () => void run()) }
  }
  /** Alone until now: the first peer of the directory is told at once. */
  const awaitPeers = (): void => {
    if (awaiting || directory.stats().peers > 0) return
    awaiting = true
    const ended = (): void => void (awaiting = false)
    directory.whenReady(closing.signal).then(soon).then(ended, ended)
  }
  const soon = (): void => schedule(swarmLimits.directoryChangeMs)
  const onChange = (): void => {
    const now = essence(own())
    if (now !== null && now !== said) soon()
  }

  let endListening = (): void => undefined
  return {
    start() {
      endListening = membership.onChange(onChange)
      schedule(0)
    },
    providers: () => named,
    async leave(signal) {
      closing.abort(new ShoalError('cancelled', 'this node leaves'))
      const record = own()
      if (said === null || record === undefined) return
      const limit = timeLimit(
        clock,
        swarmLimits.directoryGoodbyeMs,
        () => new ShoalError('deadline-passed', 'the directory was too slow'),
        signal,
      )
      try {
        await publish({ ...record, state: 'left', span: null }, limit.signal)
      } catch (error) {
        logger.debug('directory-goodbye-failed', { reason: messageOf(error) })
      } finally {
        limit.clear()
      }
    },
    close() {
      endListening()
      timer?.timer.cancel()
      closing.abort(new ShoalError('cancelled', 'this peer is closing'))
    },
  }
}
