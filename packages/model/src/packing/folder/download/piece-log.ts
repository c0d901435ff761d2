import { open, type FileHandle } from 'node:fs/promises'
import { asObject, fieldOf } from '../../../json-fields.ts'
import { tellFullDisk } from '../disk/full-disk.ts'

/** A piece that was written. */
export interface WrittenPiece {
  readonly sha256: string
  /** The peer that sent it. */
  readonly from: string
}

/**
 * A log of the pieces of an unfinished file: one line of JSON for each piece that was written or dropped, appended after the
 * bytes, with the piece's hash and sender. A line that a crash cut off is ignored. Nothing is synced: after a loss of power
 * the hashes tell which bytes have reached the disk.
 */
export interface PieceLog {
  add(index: number, piece: WrittenPiece): Promise<void>
  drop(indices: readonly number[]): Promise<void>
  close(): Promise<void>
}

/** @param pieceBytes size of the pieces that the indices count; a log with another size is discarded */
export async function openPieceLog(
  path: string,
  pieceBytes: number,
): Promise<{ log: PieceLog; written: Map<number, WrittenPiece> }> {
  const handle = await open(path, 'a+')
  try {
    const written = readLines(await handle.readFile('utf8'), pieceBytes)
    // The log is rewritten, because the next line would otherwise be appended to a line that was cut off.
    await handle.truncate(0)
    await handle.appendFile(
      [line({ pieceBytes }), ...[...written].map(([index, piece]) => line({ index, ...piece }))].join(''),
    )
    return { log: appendTo(handle), written }
  } catch (error) {
    await handle.close()
    throw error
  }
}

function appendTo(handle: FileHandle): PieceLog {
  // Appends run one after the other, so that the lines of concurrent writes do not mix.
  let turn: Promise<void> = Promise.resolve()
  const append = (text: string): Promise<void> => {
    const written = turn.then(() => tellFullDisk(() => handle.appendFile(text)))
    turn = written.catch(() => undefined)
    return written
  }
  return {
    add: (index, piece) => append(line({ index, ...piece })),
    drop: (indices) => append(indices.map((index) => line({ index, dropped: true })).join('')),
    close: async () => {
      await turn
      await handle.close()
    },
  }
}

const line = (value: object): string => `${JSON.stringify(value)}\n`

function readLines(text: string, pieceBytes: number): Map<number, WrittenPiece> {
  const written = new Map<number, WrittenPiece>()
  const [header, ...lines] = text.split('\n').slice(0, -1).map(parse)
  if (header === undefined || header === null || fieldOf(header, 'pieceBytes') !== pieceBytes) return written
  for (const entry of lines) {
    if (entry === null) continue
    const [index, sha256, from] = [fieldOf(entry, 'index'), fieldOf(entry, 'sha256'), fieldOf(entry, 'from')]
    if (typeof index !== 'number') continue
    if (fieldOf(entry, 'dropped') === true) written.delete(index)
    else if (typeof sha256 === 'string' && typeof from === 'string') written.set(index, { sha256, from })
  }
  return written
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return asObject(JSON.parse(text) as unknown, 'a line of a log')
  } catch {
    return null // cut off, or changed by somebody: the piece is fetched again
  }
}
