import { messageOf, ShoalError, sleep } from '@shoal/host'
import type { ManifestTensor } from '@shoal/model'
import type { Piece, UnitDownload, WrittenPiece } from '@shoal/model/node'
import { createBell } from '../wake-up.ts'
import { createPieceBoard, nextWindow } from './piece-board.ts'
import { createSourcePool, type FetchSources, type Source } from './source-pool.ts'
import { createTensorTrials } from './tensor-trials.ts'
import { createUnitTally } from './unit-tally.ts'

export interface UnitFetchOptions {
  readonly signal: AbortSignal
  /** Bytes of the unit that are here; less than before when some turned out wrong. */
  onProgress(presentBytes: number): void
}

/**
 * Fetches what a download lacks, from every peer that has it at once. Each tensor's hash is compared as soon as its last piece is
 * here; wrong ones are fetched again, and whoever sent them is asked less.
 * @throws {ShoalError} `not-found` with each source's reason when nobody is left to ask; what came stays in the download
 */
export async function fetchUnit(
  sources: FetchSources,
  name: string,
  download: UnitDownload,
  options: UnitFetchOptions,
): Promise<void> {
  const { clock, reputation, rates } = sources
  const ended = new AbortController()
  const signal = AbortSignal.any([options.signal, ended.signal])
  const bell = createBell()
  signal.addEventListener('abort', bell.ring, { once: true })
  const pool = createSourcePool(sources, bell.ring)
  const trials = createTensorTrials()
  const running = new Set<Promise<void>>()
  const tally = createUnitTally(download)
  let right = 0

  const drop = (pieces: readonly Piece[]): readonly Piece[] => {
    const dropped = tally.dropped(pieces)
    start(download.drop(dropped))
    return dropped
  }
  const board = createPieceBoard(tally.missing(), (tensor, peer) =>
    drop(
      download.pieces.filter(
        (piece) => piece.tensor.name === tensor && download.written(piece)?.from !== peer,
      ),
    ),
  )
  /** What fails here is ours (a full disk, say), and ends the fetch. */
  const start = (work: Promise<void>): void => {
    const guarded = work
      .catch((error: unknown) => ended.abort(error))
      .finally(() => {
        running.delete(guarded)
        bell.ring()
      })
    running.add(guarded)
  }
  const lied = (peer: string, what: string): void => {
    reputation.saw(peer, 'wrong-weights')
    if (reputation.mayBeSource(peer)) return
    board.forget(peer)
    for (const source of pool.open) if (source.client.peer === peer) pool.giveUp(source, what, false)
  }
  const judge = async (tensor: ManifestTensor): Promise<void> => {
    const [pieces, written] = [tally.piecesOf(tensor), tally.writtenOf(tensor)]
    if (await download.verify(tensor, signal)) {
      right += 1
      for (const liar of trials.right(tensor.name, written))
        lied(liar, `${liar} sent wrong bytes of ${tensor.name}`)
      return
    }
    const liar = trials.wrong(tensor.name, written)
    if (liar === null) {
      const sole = mostOf(
        written,
        [...pool.open].map(({ client }) => client.peer),
      )
      board.suspect(tensor.name, sole)
      board.reopen(drop(pieces.filter((piece) => download.written(piece)?.from !== sole)))
    } else {
      board.exclude(tensor.name, liar)
      board.reopen(drop(pieces))
      lied(liar, `${liar} sent a wrong ${tensor.name}`)
    }
    options.onProgress(tally.presentBytes)
  }
  /** The bytes of a piece; null when this peer will not bring them. */
  const ask = async (source: Source, piece: Piece): Promise<Uint8Array | null> => {
    const { peer } = source.client
    const startedMs = clock.nowMs()
    rates?.began(peer)
    let came = 0
    try {
      const { bytes, total } = await source.client.read(piece.tensor.sha256, piece.offset, piece.bytes)
      came = bytes.byteLength
      source.window = nextWindow(source.window, clock.nowMs() - startedMs)
      reputation.received(peer, bytes.byteLength)
      if (bytes.byteLength === piece.bytes && total === piece.tensor.bytes) return bytes
      board.giveBack(piece, peer)
      board.exclude(piece.tensor.name, peer)
      lied(
        peer,
        `${peer} sent ${bytes.byteLength} bytes of a ${piece.tensor.name} of ${total} instead of ${piece.bytes} of ${piece.tensor.bytes}`,
      )
    } catch (error) {
      board.giveBack(piece, peer)
      if (signal.aborted || !pool.open.has(source)) return null
      const lacks = error instanceof ShoalError && error.code === 'not-found'
      if (!lacks) reputation.saw(peer, 'failed-transfer')
      board.forget(peer)
      pool.giveUp(source, messageOf(error), !lacks)
    } finally {
      rates?.ended(peer, came)
    }
    return null
  }
  const bring = async (source: Source, piece: Piece): Promise<void> => {
    source.inFlight += 1
    try {
      const bytes = await ask(source, piece)
      // Of two answers to a piece that was late, the first counts.
      if (bytes === null || !board.accepts(piece, source.client.peer)) return
      board.done(piece)
      await download.write(piece, bytes, source.client.peer)
    } finally {
      source.inFlight -= 1
    }
    const whole = tally.wrote(piece)
    options.onProgress(tally.presentBytes)
    if (whole) await judge(piece.tensor)
  }

  try {
    options.onProgress(tally.presentBytes)
    for (const tensor of tally.whole()) start(judge(tensor))
    while (right < tally.tensors) {
      signal.throwIfAborted()
      if (board.remaining > 0) pool.refresh()
      for (const source of pool.open) {
        while (source.inFlight < source.window) {
          const piece = board.take(source.client.peer, clock.nowMs())
          if (piece === null) break
          start(bring(source, piece))
        }
      }
      if (running.size === 0 && pool.opening === 0 && right < tally.tensors)
        throw nobodyLeft(name, pool.reasons)
      const waking = new AbortController()
      const hedgeMs = board.nextHedgeMs(clock.nowMs())
      if (hedgeMs !== null) sleep(clock, hedgeMs, waking.signal).then(bell.ring, () => undefined)
      await bell.rung()
      waking.abort()
    }
  } finally {
    ended.abort(new ShoalError('cancelled', 'nothing more is needed'))
    await pool.close()
    while (running.size > 0) await Promise.all(running)
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
