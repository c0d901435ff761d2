import { onAbort, ShoalError, sleep } from '@shoal/host'
import type { ManifestTensor } from '@shoal/model'
import type { Piece, UnitDownload, WrittenPiece } from '@shoal/model/node'
import { createWakeUp } from '../wake-up.ts'
import { askForPiece } from './ask-for-piece.ts'
import { createPieceBoard, type PieceBoard } from './piece-board.ts'
import { createSourcePool, type FetchSources, type Source, type SourcePool } from './source-pool.ts'
import { createTensorTrials } from './tensor-trials.ts'
import { createUnitTally, type UnitTally } from './unit-tally.ts'

export interface UnitFetchOptions {
  readonly signal: AbortSignal
  /** Bytes of the unit that are here; less than before when some turned out wrong. */
  onProgress(presentBytes: number): void
}

/**
 * Fetches what a download lacks, from every peer that has it at once. Each tensor's hash is compared as soon as its last piece
 * is here; wrong ones are fetched again, and their senders are asked less.
 * @throws {ShoalError} `not-found` with each source's reason when nobody is left to ask; what came stays in the download
 */
export function fetchUnit(
  sources: FetchSources,
  name: string,
  download: UnitDownload,
  options: UnitFetchOptions,
): Promise<void> {
  return new UnitFetch(sources, name, download, options).run()
}

class UnitFetch {
  readonly #sources: FetchSources
  readonly #name: string
  readonly #download: UnitDownload
  readonly #options: UnitFetchOptions
  readonly #pool: SourcePool
  readonly #board: PieceBoard
  readonly #tally: UnitTally
  readonly #trials = createTensorTrials()
  readonly #wakeUp = createWakeUp()
  readonly #ended = new AbortController()
  readonly #signal: AbortSignal
  readonly #running = new Set<Promise<void>>()
  /** Number of tensors whose hash is right. */
  #right = 0

  constructor(sources: FetchSources, name: string, download: UnitDownload, options: UnitFetchOptions) {
    this.#sources = sources
    this.#name = name
    this.#download = download
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#ended.signal])
    onAbort(this.#signal, this.#wakeUp.ring)
    this.#pool = createSourcePool(sources, this.#wakeUp.ring)
    this.#tally = createUnitTally(download)
    this.#board = createPieceBoard(this.#tally.missing(), (tensor, peer) =>
      this.#drop(
        download.pieces.filter((piece) => piece.tensor.name === tensor && !this.#isFrom(piece, peer)),
      ),
    )
  }

  async run(): Promise<void> {
    const { clock } = this.#sources
    try {
      this.#options.onProgress(this.#tally.presentBytes)
      for (const tensor of this.#tally.whole()) this.#start(this.#judge(tensor))
      while (this.#right < this.#tally.tensors) {
        this.#signal.throwIfAborted()
        if (this.#board.remaining > 0) this.#pool.refresh()
        this.#assign()
        if (this.#running.size === 0 && this.#pool.opening === 0 && this.#right < this.#tally.tensors)
          throw nobodyLeft(this.#name, this.#pool.reasons)
        const waking = new AbortController()
        const hedgeMs = this.#board.nextHedgeMs(clock.nowMs())
        if (hedgeMs !== null) sleep(clock, hedgeMs, waking.signal).then(this.#wakeUp.ring, () => undefined)
        await this.#wakeUp.rung()
        waking.abort()
      }
    } finally {
      this.#ended.abort(new ShoalError('cancelled', 'nothing more is needed'))
      await this.#pool.close()
      while (this.#running.size > 0) await Promise.all(this.#running)
    }
  }

  /** Gives each source as many pieces as it has room for. */
  #assign(): void {
    for (const source of this.#pool.open) {
      while (source.inFlight < source.window) {
        const piece = this.#board.take(source.client.peer, this.#sources.clock.nowMs())
        if (piece === null) break
        this.#start(this.#bring(source, piece))
      }
    }
  }

  /** An error of this work is this machine's own (a full disk, say), and ends the fetch. */
  #start(work: Promise<void>): void {
    const guarded = work
      .catch((error: unknown) => this.#ended.abort(error))
      .finally(() => {
        this.#running.delete(guarded)
        this.#wakeUp.ring()
      })
    this.#running.add(guarded)
  }

  async #bring(source: Source, piece: Piece): Promise<void> {
    source.inFlight += 1
    try {
      const bytes = await this.#ask(source, piece)
      // Of two answers to a piece that was late, the first counts.
      if (bytes === null || !this.#board.accepts(piece, source.client.peer)) return
      this.#board.done(piece)
      await this.#download.write(piece, bytes, source.client.peer)
    } finally {
      source.inFlight -= 1
    }
    const whole = this.#tally.wrote(piece)
    this.#options.onProgress(this.#tally.presentBytes)
    if (whole) await this.#judge(piece.tensor)
  }

  /** Asks a source for a piece. @returns its bytes; null when the source will not send them */
  async #ask(source: Source, piece: Piece): Promise<Uint8Array | null> {
    const { reputation } = this.#sources
    const { peer } = source.client
    const answer = await askForPiece(this.#sources, source, piece)
    if (answer.type === 'bytes') {
      reputation.received(peer, answer.bytes.byteLength)
      return answer.bytes
    }
    this.#board.giveBack(piece, peer)
    if (answer.type === 'wrong') {
      reputation.received(peer, answer.receivedBytes)
      this.#board.exclude(piece.tensor.name, peer)
      this.#lied(peer, answer.why)
    } else if (!this.#signal.aborted && this.#pool.open.has(source)) {
      if (!answer.lacks) reputation.saw(peer, 'failed-transfer')
      this.#board.forget(peer)
      this.#pool.giveUp(source, answer.why, !answer.lacks)
    }
    return null
  }

  /** Compares the hash of a tensor whose pieces are all here. */
  async #judge(tensor: ManifestTensor): Promise<void> {
    const written = this.#tally.writtenOf(tensor)
    if (await this.#download.verify(tensor, this.#signal)) {
      this.#right += 1
      for (const liar of this.#trials.right(tensor.name, written))
        this.#lied(liar, `${liar} sent wrong bytes of ${tensor.name}`)
      return
    }
    const pieces = this.#tally.piecesOf(tensor)
    const liar = this.#trials.wrong(tensor.name, written)
    if (liar === null) {
      const open = [...this.#pool.open].map(({ client }) => client.peer)
      const sole = mostOf(written, open)
      this.#board.suspect(tensor.name, sole)
      this.#board.reopen(this.#drop(pieces.filter((piece) => !this.#isFrom(piece, sole))))
    } else {
      this.#board.exclude(tensor.name, liar)
      this.#board.reopen(this.#drop(pieces))
      this.#lied(liar, `${liar} sent a wrong ${tensor.name}`)
    }
    this.#options.onProgress(this.#tally.presentBytes)
  }

  #lied(peer: string, why: string): void {
    this.#sources.reputation.saw(peer, 'wrong-weights')
    if (this.#sources.reputation.mayBeSource(peer)) return
    this.#board.forget(peer)
    for (const source of this.#pool.open)
      if (source.client.peer === peer) this.#pool.giveUp(source, why, false)
  }

  #isFrom(piece: Piece, peer: string | null): boolean {
    return this.#download.written(piece)?.from === peer
  }

  /** Forgets what was written of these pieces. @returns the pieces that had been written */
  #drop(pieces: readonly Piece[]): readonly Piece[] {
    const dropped = this.#tally.dropped(pieces)
    this.#start(this.#download.drop(dropped))
    return dropped
  }
}

/** Of `peers`, the one that sent the most of these pieces; null when none of them sent any. */
function mostOf(written: readonly WrittenPiece[], peers: readonly string[]): string | null {
  const counts = peers.map((peer) => ({ peer, count: written.filter(({ from }) => from === peer).length }))
  const best = counts.sort((a, b) => b.count - a.count)[0]
  return best === undefined || best.count === 0 ? null : best.peer
}

function nobodyLeft(name: string, reasons: readonly string[]): ShoalError {
  const told = [...new Set(reasons)].slice(0, 8)
  return new ShoalError(
    'not-found',
    `no peer could give unit ${name}: ${told.length === 0 ? 'nobody is connected that may be asked' : told.join('; ')}`,
  )
}
