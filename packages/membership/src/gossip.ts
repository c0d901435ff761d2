import { messageOf, ShoalError, type Clock, type Logger, type Random } from '@shoal/host'
import type { Beat, BeatBody, MembersMessage } from '@shoal/protocol'
import type { Detector } from './detector.ts'
import { memberLimits } from './limits.ts'
import type { Neighbours } from './neighbours.ts'
import { createRelays } from './relays.ts'
import { shuffled } from './shuffled.ts'
import type { Replica } from './replica.ts'
import { readBeat, verifyBeat, type SealedRecord, type Signer } from './seal.ts'
import type { Self } from './self.ts'
import type { Standstill } from './standstill.ts'

/** What is said between neighbours: states, updates and beats, and what each makes us do. */
export interface Gossip {
  /** First words on a new channel: our state, and a beat that proves our incarnation. */
  greet(peer: string): Promise<void>
  receive(peer: string, message: MembersMessage): Promise<void>
  /** Sends a new beat of ours to all. */
  beat(): Promise<void>
  /** Neighbours' budgets begin anew, one neighbour is asked for what we lack, a document that has grown is replaced. */
  tick(): void
}

export interface GossipDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly signer: Signer
  readonly replica: Replica
  readonly self: Self
  readonly detector: Detector
  readonly neighbours: () => Neighbours
  readonly standstill: Pick<Standstill, 'missedTurns'>
  onRecord(sealed: SealedRecord): void
  onBeat(peer: string, body: BeatBody): void
  /** A neighbour holds this incarnation of ours dead. */
  onHeldDead(neighbour: string, incarnation: number): void
  /** A peer that we hold dead sends beats: its side of a partition is back. */
  onGhost(peer: string): void
  /** Our record is not in the document as we said it. */
  onOverwritten(): void
}

export function createGossip(
  dependencies: GossipDependencies,
  swarm: string,
  options: { readonly beatIntervalMs: number },
): Gossip {
  const { clock, random, logger, signer, replica, self, detector, neighbours } = dependencies
  const spent = new Map<string, { messages: number; states: number }>()
  const heardMs = new Map<string, number>()
  const relays = createRelays(self.peerId, (peer) => replica.roster.get(peer))
  const some = (peers: readonly string[]): readonly string[] =>
    shuffled(peers, random).slice(0, memberLimits.fanOut)

  const asked = new Map<string, number>()

  /** Within what a neighbour may be asked in an interval, even if two of our turns fall into one of its: the next turn asks again. */
  const sendState = (peer: string): void => {
    const times = asked.get(peer) ?? 0
    if (times >= memberLimits.maxStatesPerInterval / 8) return
    asked.set(peer, times + 1)
    neighbours().send(peer, { type: 'state', document: replica.name, stateVector: replica.stateVector() })
  }

  /** @returns whether the message is about the document that we have now */
  const follow = (peer: string, document: string): boolean => {
    switch (replica.ageOf(document)) {
      case 'same':
        return true
      case 'older':
        sendState(peer)
        return false
      case 'newer':
        logger.info('membership-rotated', { from: replica.name, to: document, because: peer })
        replica.rotate(document)
        dependencies.onOverwritten()
        for (const id of neighbours().ids()) sendState(id)
        return true
      case 'foreign':
        throw new ShoalError(
          'wrong-manifest',
          `${peer} is in the swarm '${document}', this one is '${replica.name}'`,
        )
    }
  }

  const spend = (peer: string, kind: MembersMessage['type']): void => {
    const sum = spent.get(peer) ?? { messages: 0, states: 0 }
    sum.messages += 1
    if (kind === 'state') sum.states += 1
    spent.set(peer, sum)
    const intervals = 1 + dependencies.standstill.missedTurns()
    if (
      sum.states > intervals * memberLimits.maxStatesPerInterval ||
      sum.messages > intervals * (memberLimits.maxMessagesPerInterval + 4 * replica.roster.size)
    ) {
      throw new ShoalError(
        'limit-exceeded',
        `${peer} sends more than a neighbour may in ${options.beatIntervalMs} ms`,
      )
    }
  }

  const receiveState = (peer: string, message: Extract<MembersMessage, { type: 'state' }>): void => {
    if (!follow(peer, message.document)) return
    if (message.stateVector.length > memberLimits.maxStateVectorBytes)
      throw new ShoalError('bad-frame', 'a state vector is over its limit')
    let update: Uint8Array
    try {
      update = replica.missing(message.stateVector)
    } catch (cause) {
      throw new ShoalError('bad-frame', 'a state vector is damaged', { cause })
    }
    neighbours().send(peer, { type: 'update', document: replica.name, update })
  }

  const receiveUpdate = async (
    peer: string,
    message: Extract<MembersMessage, { type: 'update' }>,
  ): Promise<void> => {
    if (!follow(peer, message.document)) return
    const writer = replica.writer
    const { accepted, novel, incomplete } = await replica.receive(message.update)
    for (const sealed of accepted) dependencies.onRecord(sealed)
    if (novel !== undefined) {
      const { name } = replica
      for (const id of some(whoMayLack(peer, accepted)))
        neighbours().send(id, { type: 'update', document: name, update: novel })
    }
    if (incomplete) sendState(peer)
    if (replica.writer !== writer || !replica.shows(self.sealed)) dependencies.onOverwritten()
  }

  /**
   * A word of an owner that has said more before is sent by itself to all who have a link with it. The rest is
   * passed on at random; whom it misses asks one neighbour each turn for what it lacks.
   */
  const whoMayLack = (sender: string, accepted: readonly SealedRecord[]): readonly string[] => {
    const settled =
      accepted.length > 0 && accepted.every(({ record }) => record.seq > memberLimits.youngRecords)
    return neighbours()
      .ids()
      .filter(
        (id) =>
          id !== sender &&
          !(
            settled && accepted.every(({ record }) => id === record.peerId || relays.near(record.peerId, id))
          ),
      )
  }

  const receiveBeat = async (peer: string, beat: Beat): Promise<void> => {
    const body = readBeat(beat)
    // A beat is never sent to its owner, except to say this.
    if (beat.peer === self.peerId) {
      dependencies.onHeldDead(peer, body.incarnation)
      return
    }
    if (replica.roster.get(beat.peer) === undefined || isOld(beat.peer, body)) return
    if (!(await verifyBeat(signer, swarm, beat)))
      throw new ShoalError('bad-frame', `a beat that names ${beat.peer} is not signed by it`)
    if (isOld(beat.peer, body)) return
    const life = detector.get(beat.peer)
    heardMs.set(beat.peer, clock.nowMs())
    if (life?.incarnation === body.incarnation && (life.liveness === 'dead' || life.liveness === 'left')) {
      if (life.liveness === 'dead') answerGhost(beat)
      return
    }
    detector.apply(beat.peer, {
      type: 'beat-seen',
      incarnation: body.incarnation,
      beat: body.beat,
      atMs: clock.nowMs(),
    })
    dependencies.onBeat(beat.peer, body)
    const { unserved, appointed } = relays.share(
      beat.peer,
      body.beat,
      neighbours()
        .ids()
        .filter((id) => id !== peer && id !== beat.peer),
    )
    for (const id of [...some(unserved), ...appointed]) neighbours().send(id, beat)
  }

  /** Before the signature is checked: repeated beats, and those that come faster than anybody beats, cost nothing. */
  const isOld = (peer: string, body: BeatBody): boolean => {
    const life = detector.get(peer)
    if (life === undefined || body.incarnation > life.incarnation) return false
    if (body.incarnation < life.incarnation || body.beat <= life.lastBeat) return true
    const sinceMs = clock.nowMs() - (heardMs.get(peer) ?? Number.NEGATIVE_INFINITY)
    return life.liveness !== 'unknown' && life.liveness !== 'suspect' && sinceMs < options.beatIntervalMs / 4
  }

  const answerGhost = (beat: Beat): void => {
    if (neighbours().has(beat.peer)) neighbours().send(beat.peer, beat)
    else dependencies.onGhost(beat.peer)
  }

  const sealedBeat = async (): Promise<Beat | undefined> => {
    const state = self.sealed?.record.state
    return state === undefined || state === 'left' ? undefined : self.beat()
  }

  return {
    async greet(peer) {
      sendState(peer)
      const beat = await sealedBeat()
      if (beat !== undefined) neighbours().send(peer, beat)
    },
    async receive(peer, message) {
      spend(peer, message.type)
      if (message.type === 'state') receiveState(peer, message)
      else if (message.type === 'update') await receiveUpdate(peer, message)
      else await receiveBeat(peer, message)
    },
    async beat() {
      try {
        const beat = await sealedBeat()
        if (beat !== undefined) neighbours().flood(beat, [])
      } catch (error) {
        logger.error('beat-failed', { reason: messageOf(error) })
      }
    },
    tick() {
      spent.clear()
      asked.clear()
      const [anyone] = shuffled(neighbours().ids(), random)
      if (anyone !== undefined) sendState(anyone)
      for (const peer of heardMs.keys()) if (replica.roster.get(peer) === undefined) heardMs.delete(peer)
      if (!replica.isOvergrown()) return
      const from = replica.name
      replica.rotate()
      logger.info('membership-rotated', { from, to: replica.name, because: 'size' })
      dependencies.onOverwritten()
      for (const peer of neighbours().ids()) sendState(peer)
    },
  }
}
