import { createVirtualClock, randomHex, seededRandom, silentLogger, type Random } from '@shoal/host'
import { createMemoryNetwork } from '@shoal/network'
import { readReceipt, type Evidence, type SealedReceipt, type Sign, type Verify } from '@shoal/protocol'
import { Auditor, convict, ReceiptLedger, rowsToAudit, type AuditStage } from '@shoal/swarm/components'
import { BenchStage, columns, sessionSteps, type BenchPeer, type BenchSpan } from './stages.ts'

/** Every peer holds all three spans, as copies of a small model do. */
const spans: readonly BenchSpan[] = [
  { start: 0, end: 2 },
  { start: 2, end: 4 },
  { start: 4, end: 6 },
]
const { promptRows, chunkRows, answerRows } = sessionSteps
const length = promptRows + answerRows

/** What a row of a prompt costs beside one that is decoded. */
const promptShare = 1 / 8
/** Cost of a session, in decoded rows of one span. */
const sessionWork = (promptRows * promptShare + answerRows) * spans.length

/** A coordinator, its receipts and audits, over peers that compute in this process: the product's auditor, ledger and court. */
export class AuditedSwarm {
  readonly random: Random
  readonly #peers: readonly BenchPeer[]
  readonly #ledger: ReceiptLedger
  readonly #auditor: Auditor
  readonly #verify: Verify
  readonly #out = new Map<string, Evidence>()
  #work = 0
  #steps = 0

  constructor(seed: number, sketches: readonly Omit<BenchPeer, 'sign'>[]) {
    this.random = seededRandom(seed)
    const clock = createVirtualClock()
    const network = createMemoryNetwork({ clock, random: this.random })
    this.#peers = sketches.map((sketch) => ({ ...sketch, sign: signOf(network, sketch.name) }))
    const observer = network.createTransport('coordinator')
    this.#verify = (peer, bytes, signature) => observer.verify(peer, bytes, signature)
    this.#ledger = new ReceiptLedger(clock, this.#verify)
    this.#ledger.onContradiction((evidence) => this.#convict(evidence))
    this.#auditor = new Auditor(
      {
        self: 'coordinator',
        holders: (_range, numericClass) => this.#holders(numericClass),
        recompute: (rows, route) => this.#recompute(rows, route),
        convicted: (evidence) => this.#convict(evidence),
        distrusted: () => undefined,
        proved: () => undefined,
      },
      this.#ledger,
      { random: this.random, logger: silentLogger },
    )
  }

  /** Work for audits, in decoded rows of one span. */
  get auditWork(): number {
    return this.#work
  }

  /** Steps that stages have computed in sessions. */
  get steps(): number {
    return this.#steps
  }

  /** Peers that were put out, by evidence that was checked again. */
  async evicted(): Promise<string[]> {
    const checked = await Promise.all(
      [...this.#out].map(async ([peer, evidence]) =>
        (await convict(evidence, this.#verify))?.guilty.peer === peer ? [peer] : [],
      ),
    )
    return checked.flat().sort()
  }

  /** Cost of one session. */
  readonly sessionWork = sessionWork

  /**
   * One session over peers that are not out. @param through a peer that is on its route
   * @param share of sessions that are audited
   */
  async session(share: number, through?: string): Promise<void> {
    const chosen = rowsToAudit(share, this.random.unit(), length)
    const peers = this.#route(through)
    this.#steps += (Math.ceil(promptRows / chunkRows) + answerRows) * spans.length
    // Receipts of sessions that are not audited have no effect here, so they need not be computed.
    if (chosen === 0) return
    const session = randomHex(this.random, 16)
    this.#ledger.expect(session)
    const rows = this.#rows()
    await this.#compute(session, peers, rows, false)
    const route = spans.map((span, index) => ({ ...span, peer: peers[index]!.name }))
    await this.#auditor.audit({ session, route, rows: rows.subarray(0, chosen * columns), length: chosen })
  }

  #route(through: string | undefined): BenchPeer[] {
    const place = Math.floor(this.random.unit() * spans.length)
    return spans.map((_span, index) => {
      const fixed = this.#peers.find(({ name }) => name === through && index === place)
      if (fixed !== undefined) return fixed
      const free = this.#peers.filter(({ name }) => name !== through && !this.#out.has(name))
      return free[Math.floor(this.random.unit() * free.length)]!
    })
  }

  #rows(): Float32Array {
    return Float32Array.from({ length: length * columns }, () => this.random.unit() * 2 - 1)
  }

  async #compute(
    session: string,
    peers: readonly BenchPeer[],
    rows: Float32Array,
    audit: boolean,
    route: readonly BenchSpan[] = spans,
  ): Promise<void> {
    const stages = peers.map(
      (peer, index) => new BenchStage(peer, route[index]!, session, this.random, audit),
    )
    const total = rows.length / columns
    for (let at = 0; at < total;) {
      const promptEnd = audit ? total : promptRows
      const to = at < promptEnd ? Math.min(promptEnd, at + chunkRows) : at + 1
      let hidden: Float32Array = rows.subarray(at * columns, to * columns)
      for (const stage of stages) hidden = stage.step(hidden)
      at = to
    }
    for (const [index, stage] of stages.entries())
      for (const { bytes } of await stage.finish()) await this.#ledger.receive(peers[index]!.name, bytes)
  }

  async #recompute(rows: Float32Array, route: readonly AuditStage[]): Promise<readonly SealedReceipt[]> {
    const session = randomHex(this.random, 16)
    this.#ledger.expect(session)
    this.#work += (rows.length / columns) * promptShare * route.length
    const peers = route.map(({ peer }) => this.#peers.find(({ name }) => name === peer)!)
    await this.#compute(session, peers, rows, true, route)
    return this.#ledger.of(session)
  }

  #holders(numericClass: string): string[] {
    return this.#peers
      .filter((peer) => peer.numericClass === numericClass && !this.#out.has(peer.name))
      .map(({ name }) => name)
  }

  #convict(evidence: Evidence): void {
    const peer = readReceipt(evidence.receipts[0]!).peer
    if (!this.#out.has(peer)) this.#out.set(peer, evidence)
  }
}

function signOf(network: ReturnType<typeof createMemoryNetwork>, name: string): Sign {
  const transport = network.createTransport(name)
  return (bytes) => transport.sign(bytes)
}
