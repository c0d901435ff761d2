import { messageOf, type Clock, type Logger, type Random } from '@shoal/host'
import type { Beat, MembersMessage } from '@shoal/protocol'
import type { Cell } from '../cell/cell.ts'
import type { Statement } from '../cell/statement.ts'
import type { Detector } from '../liveness/detector.ts'
import type { Standstill } from '../liveness/standstill.ts'
import type { Members } from '../members.ts'
import type { Neighbours } from '../neighbours/neighbours.ts'
import type { DetectorTiming } from '../options.ts'
import type { Self } from '../own/self.ts'
import type { WordStore } from '../words/word-store.ts'
import type { Word } from '../words/word.ts'
import { BeatExchange, loadsToPassOn } from './beat-exchange.ts'
import { LifeExchange } from './life-exchange.ts'
import { MessageBudget } from './message-budget.ts'
import { Repairs } from './repairs.ts'
import { Tree } from './tree.ts'
import { WordExchange, type WordExchangeDependencies } from './word-exchange.ts'

/** What gossip tells its owner. */
export type GossipListener = Pick<WordExchangeDependencies, 'onRecord' | 'onFault'> & {
  /** A peer that is held dead here still sends beats: its side of a partition is back. */
  onGhost(peer: string): void
}

export interface GossipDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly store: WordStore
  readonly self: Self
  readonly cell: Cell
  readonly members: Pick<Members, 'setLoad' | 'heardLoads'>
  readonly detector: Detector
  readonly neighbours: Neighbours
  readonly standstill: Pick<Standstill, 'missedTurns'>
  readonly onRoundTrip: (peer: string, rttMs: number) => void
  /** Whether this life is over, and the next one has not begun: then no beats go. */
  readonly isSilent: () => boolean
}

/** Messages that say something of any peers. */
const bringsNews: ReadonlySet<MembersMessage['type']> = new Set(['words', 'proof', 'statements'])

/** All that is exchanged with neighbours: words, statements and beats. */
export class Gossip {
  readonly #parts: GossipDependencies
  readonly #listener: GossipListener
  readonly #budget: MessageBudget
  readonly #tree: Tree
  readonly #words: WordExchange
  readonly #lives: LifeExchange
  readonly #beats: BeatExchange
  readonly #repairs: Repairs
  readonly #turnsPerBeat: number
  #turns = 0
  /** Open sessions, as the last beat told them. */
  #toldSessions = 0

  constructor(
    dependencies: GossipDependencies,
    listener: GossipListener,
    swarm: string,
    timing: DetectorTiming,
  ) {
    const { cell, members, neighbours, standstill, store } = dependencies
    this.#parts = dependencies
    this.#listener = listener
    this.#turnsPerBeat = Math.max(1, Math.round(timing.beatIntervalMs / timing.turnIntervalMs))
    this.#tree = new Tree(neighbours, () => cell.watching.ringEdges())
    this.#budget = new MessageBudget(
      timing.turnIntervalMs,
      () => store.roster.size,
      () => standstill.missedTurns(),
    )
    const shared = { ...dependencies, ...listener, tree: this.#tree, budget: this.#budget }
    this.#words = new WordExchange(shared, swarm)
    this.#lives = new LifeExchange(shared)
    this.#beats = new BeatExchange(
      {
        ...shared,
        roster: store.roster,
        watchers: () => cell.watching.watchers(),
        digests: () => ({ lives: this.#lives.digest(), known: this.#words.digest() }),
        loads: () => loadsToPassOn(members.heardLoads()),
      },
      timing.beatIntervalMs,
      timing.turnIntervalMs,
    )
    this.#repairs = new Repairs({
      askForLives: (peer) => {
        this.#tree.graft(peer)
        this.#lives.ask(peer)
      },
      askForWords: (peer) => {
        this.#tree.graft(peer)
        this.#words.ask(peer)
      },
    })
  }

  /** Begins on a new channel: compares what both know, and sends a beat that proves this peer's incarnation. */
  greet(peer: string): void {
    this.#tree.opened(peer)
    this.#words.ask(peer)
    this.#lives.ask(peer)
    this.#beats.sendTo(peer)
  }

  /** The last connection to a neighbour has ended. */
  lost(peer: string): void {
    this.#tree.lost(peer)
    this.#repairs.forget(peer)
  }

  /** @throws {ShoalError} for a fault of the neighbour; `wrong-manifest` when it belongs to another swarm */
  async receive(peer: string, message: MembersMessage): Promise<void> {
    this.#budget.receive(peer, message.type)
    if (bringsNews.has(message.type) && !this.#parts.neighbours.maySpread(peer)) return
    switch (message.type) {
      case 'vector':
        return this.#words.receiveVector(peer, message)
      case 'words':
        return this.#words.receiveWords(peer, message.words, message.pushed ? 'pushed' : 'answered')
      case 'want':
        return this.#words.tell(peer, message.owner)
      case 'proof':
        return this.#words.receiveProof(peer, message)
      case 'statements':
        return this.#lives.receive(peer, message.statements, message.pushed)
      case 'roll':
        return this.#lives.receiveRoll(peer, message)
      case 'prune':
        return this.#tree.setLazy(peer, message.lazy)
      case 'beat':
        return this.#receiveBeat(peer, message)
    }
  }

  /** Tells all others a word of this peer: at once, or with the next beats. */
  say(word: Word, urgent: boolean): void {
    this.#words.say(word, urgent)
  }

  /** Tells all others a statement of this peer. */
  state(statement: Statement): void {
    this.#lives.push(statement)
  }

  /** Asks a peer for a beat now: one that has answered a dial is to prove its incarnation. */
  askForBeat(peer: string): void {
    this.#beats.sendTo(peer, true)
  }

  /** Sends a new beat to all that watch this peer. */
  beat(): void {
    this.#toldSessions = this.#parts.self.load.sessions
    this.#beats.sendToAll()
  }

  /** One turn: budgets begin anew, and beats go out when they are due. */
  tick(): void {
    this.#budget.reset()
    this.#repairs.turn()
    this.#tree.turn()
    this.#turns += 1
    // Routes avoid busy peers, so a session that begins or ends is told in the next turn.
    if (this.#parts.isSilent()) return
    if (this.#toldSessions !== this.#parts.self.load.sessions) this.beat()
    this.#beats.turn(this.#turns % this.#turnsPerBeat === 0)
  }

  async #receiveBeat(peer: string, beat: Beat): Promise<void> {
    const { logger, cell, detector, members } = this.#parts
    const ghost = this.#beats.receive(peer, beat)
    if (ghost) {
      this.#listener.onGhost(peer)
      cell.ghostSpoke(peer, beat.incarnation)
      this.#lives
        .tellHeld(peer, peer, beat.incarnation)
        .catch((error: unknown) => logger.error('statement-failed', { reason: messageOf(error) }))
    }
    if (detector.get(peer)?.liveness === 'alive' && beat.incarnation > 0) {
      cell.heard(peer, beat.incarnation)
      members.setLoad(peer, beat)
    }
    if (beat.words.length > 0 && this.#parts.neighbours.maySpread(peer))
      await this.#words.receiveWords(peer, beat.words, 'riding')
    this.#repairs.compare(peer, {
      lives: [this.#lives.digest(), beat.lives],
      known: [this.#words.digest(), beat.known],
    })
  }
}
