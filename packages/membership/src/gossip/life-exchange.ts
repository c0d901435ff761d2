import type { Random } from '@shoal/host'
import { limits, type MembersRoll } from '@shoal/protocol'
import { compareRoll, digestOf, rollOf } from '../cell/roll.ts'
import { readStatement, type Statement } from '../cell/statement.ts'
import type { Cell } from '../cell/cell.ts'
import type { Neighbours } from '../neighbours/neighbours.ts'
import type { MessageBudget } from './message-budget.ts'
import type { Tree } from './tree.ts'

export interface LifeExchangeDependencies {
  readonly random: Random
  readonly cell: Cell
  readonly neighbours: Pick<Neighbours, 'send'>
  readonly tree: Tree
  readonly budget: MessageBudget
}

/** Statements in one frame: as many of the longest as fit. */
const statementsPerMessage = Math.floor(limits.maxWordsBytes / (limits.maxStatementBytes + 2))

/** Passes statements about lives on, and finds what a neighbour holds otherwise. */
export class LifeExchange {
  readonly #parts: LifeExchangeDependencies

  constructor(dependencies: LifeExchangeDependencies) {
    this.#parts = dependencies
  }

  /** Digest of the lives held alive here. */
  digest(): number {
    return digestOf(this.#parts.cell.roll())
  }

  /** Tells a neighbour who is held alive here, so that both find what they hold otherwise. */
  ask(peer: string): void {
    if (this.#parts.budget.mayAsk(peer)) this.#sendRoll(peer, false)
  }

  push(statement: Statement, except?: string): void {
    this.#parts.tree.push({ type: 'statements', pushed: true, statements: [statement.bytes] }, except)
  }

  /** @throws {ShoalError} `bad-frame` for a fault of the neighbour */
  async receive(peer: string, statements: readonly Uint8Array[], pushed: boolean): Promise<void> {
    const { cell, tree } = this.#parts
    const fresh: Uint8Array[] = []
    /** Lives that the neighbour seems to hold alive, and that are dead here. */
    const contradicted = new Map<string, number>()
    let repeated = statements.length > 0
    try {
      for (const bytes of statements) {
        const statement = readStatement(bytes)
        const outcome = await cell.receive(statement)
        if (outcome !== 'known') repeated = false
        if (outcome === 'news') fresh.push(statement.bytes)
        const { subject, incarnation } = statement
        if (statement.kind === 'alive' && cell.isDead(subject, incarnation))
          contradicted.set(subject, incarnation)
        // Then the neighbour holds it dead too: an answer would come back for ever.
        if (statement.kind === 'held') contradicted.delete(subject)
      }
    } finally {
      if (fresh.length > 0) tree.push({ type: 'statements', pushed: true, statements: fresh }, peer)
    }
    if (repeated && pushed) tree.repeated(peer)
    await this.#contradict(peer, contradicted)
  }

  receiveRoll(peer: string, { salt, answer, hashes }: MembersRoll): void {
    const { cell } = this.#parts
    const { missing, unknown } = compareRoll(cell.roll(), salt, hashes)
    this.#tell(
      peer,
      missing.flatMap((name) => cell.evidenceOf(name)),
    )
    if (unknown && !answer) this.#sendRoll(peer, true)
  }

  /** A neighbour sends beats of a life that is held dead here: it hears of that. */
  async tellHeld(peer: string, subject: string, incarnation: number): Promise<void> {
    await this.#contradict(peer, [[subject, incarnation]])
  }

  async #contradict(
    peer: string,
    lives: Iterable<readonly [subject: string, incarnation: number]>,
  ): Promise<void> {
    const statements: Statement[] = []
    for (const [subject, incarnation] of lives)
      statements.push(...(await this.#parts.cell.heldEvidence(subject, incarnation)))
    this.#tell(peer, statements)
  }

  #tell(peer: string, statements: readonly Statement[]): void {
    for (let at = 0; at < statements.length; at += statementsPerMessage) {
      const some = statements.slice(at, at + statementsPerMessage).map(({ bytes }) => bytes)
      this.#parts.neighbours.send(peer, { type: 'statements', pushed: false, statements: some })
    }
  }

  #sendRoll(peer: string, answer: boolean): void {
    const { random, cell, neighbours } = this.#parts
    const salt = random.uint32()
    neighbours.send(peer, { type: 'roll', salt, answer, hashes: rollOf(cell.roll(), salt) })
  }
}
