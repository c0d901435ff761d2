import { appendFile, mkdtemp, readdir, rm, writeFile, mkdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openModel } from '../../../sources/model-source.ts'
import { packIntoFolder } from '../pack-into-folder.ts'
import { createPackedFolder, type PackedFolder } from '../packed-folder.ts'
import type { PartialOwner } from '../partial-folder.ts'
import { parseProfile } from '../../profile.ts'
import { smallModelFiles } from '../../../testing/small-model.ts'
import { type UnitDownload } from './unit-download.ts'
import { piecesOf, type Piece } from './pieces.ts'

const pieceBytes = 64
const unit = 'block-0'
let root: string
let whole: PackedFolder
let path: string
let folders = 0
const gone = new Set<string>()
/** Downloads that nobody ended, as after a kill -9; their file handles are closed at the end. */
const vanished: UnitDownload[] = []
const opened: PackedFolder[] = []
const owner = (name: string): PartialOwner => ({ name, isGone: (other) => gone.has(other) })

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shoal-download-'))
  whole = await packIntoFolder(
    await openModel(smallModelFiles('BF16', 1)),
    parseProfile('int4:32'),
    join(root, 'whole'),
  )
})
beforeEach(() => {
  folders += 1
  path = join(root, `folder-${folders}`)
  gone.clear()
})
afterAll(async () => {
  for (const download of vanished) await download.suspend()
  for (const folder of [...opened, whole]) await folder.close()
  await rm(root, { recursive: true })
})

async function open(name = 'a'): Promise<PackedFolder> {
  const folder = await createPackedFolder(path, whole.manifest, owner(name))
  opened.push(folder)
  return folder
}

const right = (piece: Piece): Promise<Uint8Array> => whole.read(piece.tensor.name, piece.offset, piece.bytes)
const missing = (download: UnitDownload): number[] =>
  download.pieces.filter((piece) => download.written(piece) === null).map(({ index }) => index)

async function fill(download: UnitDownload, fits: (piece: Piece) => boolean): Promise<void> {
  for (const piece of download.pieces.filter(fits))
    await download.write(piece, await right(piece), `peer-${piece.index % 2}`)
}

test('the grid of pieces covers each tensor once and leaves out the gaps', () => {
  const tensors = whole.manifest.manifest.tensors.filter((tensor) => tensor.name.startsWith('block-0.'))
  const pieces = piecesOf(tensors, pieceBytes)
  expect(pieces.map(({ index }) => index)).toEqual(pieces.map((_, index) => index))
  for (const tensor of tensors) {
    const own = pieces.filter((piece) => piece.tensor === tensor)
    expect(own.reduce((end, piece) => (piece.offset === end ? end + piece.bytes : Number.NaN), 0)).toBe(
      tensor.bytes,
    )
  }
})

test('a process that has vanished leaves its pieces to the next one', async () => {
  const first = await (await open('a')).download(unit, pieceBytes)
  await fill(first, ({ index }) => index % 3 !== 0)
  vanished.push(first)
  gone.add('a')
  const folder = await open('b')
  const second = await folder.download(unit, pieceBytes)
  expect(missing(second)).toEqual(
    second.pieces.filter(({ index }) => index % 3 === 0).map(({ index }) => index),
  )
  expect(second.written(second.pieces[1]!)?.from).toBe('peer-1')
  await fill(second, ({ index }) => index % 3 === 0)
  await second.commit()
  await folder.verify(unit)
  expect((await readdir(path)).sort()).toEqual(['assets', 'block-0.bin', 'manifest.cbor'])
})

test('suspended work is found again by the same process', async () => {
  const folder = await open()
  const first = await folder.download(unit, pieceBytes)
  await fill(first, ({ index }) => index < 2)
  await first.suspend()
  const second = await folder.download(unit, pieceBytes)
  expect(missing(second)[0]).toBe(2)
  await second.abort()
  expect((await readdir(path)).sort()).toEqual(['assets', 'manifest.cbor'])
})

test('two live processes never share an unfinished file, and either can complete the unit', async () => {
  const [a, b] = [await open('a'), await open('b')]
  const [first, second] = [await a.download(unit, pieceBytes), await b.download(unit, pieceBytes)]
  await fill(first, ({ index }) => index < 3)
  expect(missing(second)).toHaveLength(second.pieces.length)
  await fill(second, () => true)
  await second.commit()
  expect(a.hasUnit(unit)).toBe(false)
  await a.refresh([unit])
  expect(a.hasUnit(unit)).toBe(true)
  await fill(first, ({ index }) => index >= 3)
  await first.commit()
  await b.verify(unit)
})

test.each([
  [
    'its bytes changed on the disk',
    async (folder: string) =>
      writeFile(join(folder, 'data'), new Uint8Array(pieceBytes).fill(7), { flag: 'r+' }),
    [0],
  ],
  [
    'the log ends in half a line',
    async (folder: string) => appendFile(join(folder, 'pieces'), '{"index":7,"sha'),
    [],
  ],
  [
    'the log holds nonsense',
    async (folder: string) =>
      appendFile(
        join(folder, 'pieces'),
        'null\n{"index":-4,"sha256":"","from":""}\n{"index":1e9,"sha256":"","from":""}\n',
      ),
    [],
  ],
  ['the data is gone', async (folder: string) => rm(join(folder, 'data')), 'all'],
  ['the log is gone', async (folder: string) => rm(join(folder, 'pieces')), 'all'],
] as const)('a piece counts only when its bytes are there: %s', async (_, spoil, lost) => {
  const first = await (await open('a')).download(unit, pieceBytes)
  await fill(first, () => true)
  vanished.push(first)
  gone.add('a')
  const left = (await readdir(path)).find((name) => name.endsWith('.partial'))!
  await spoil(join(path, left))
  const folder = await open('b')
  const second = await folder.download(unit, pieceBytes)
  expect(missing(second)).toEqual(lost === 'all' ? second.pieces.map(({ index }) => index) : lost)
  await fill(second, (piece) => second.written(piece) === null)
  await second.commit()
  await folder.verify(unit)
})

test('a log with another piece size is discarded', async () => {
  const folder = await open()
  const first = await folder.download(unit, pieceBytes)
  await fill(first, () => true)
  await first.suspend()
  const second = await folder.download(unit, 2 * pieceBytes)
  expect(missing(second)).toHaveLength(second.pieces.length)
  await second.abort()
})

test('wrong bytes do not become a unit; what was dropped is missing, also after a restart', async () => {
  const folder = await open()
  const first = await folder.download(unit, pieceBytes)
  await fill(first, () => true)
  const bad = first.pieces.find(({ tensor }) => tensor.name === 'block-0.qkv.weight')!
  await first.write(
    bad,
    (await right(bad)).map((byte) => byte ^ 1),
    'liar',
  )
  expect(await first.verify(bad.tensor)).toBe(false)
  await first.drop([bad])
  await first.suspend()
  const second = await folder.download(unit, pieceBytes)
  expect(missing(second)).toEqual([bad.index])
  await second.write(
    bad,
    (await right(bad)).map((byte) => byte ^ 1),
    'liar',
  )
  await expect(second.commit()).rejects.toThrow(
    expect.objectContaining({ code: 'hash-mismatch', message: expect.stringMatching(/block-0.qkv.weight/) }),
  )
  await fill(second, (piece) => second.written(piece) === null)
  await second.commit()
  await folder.verify(unit)
})

test('a unit that could not get its name is begun again, with what came of it', async () => {
  const folder = await open()
  const first = await folder.download(unit, pieceBytes)
  await fill(first, () => true)
  // Stands for every failure behind the last byte: too many open files, a disk that fails.
  await mkdir(join(path, `${unit}.bin`, 'in-the-way'), { recursive: true })
  await expect(first.commit()).rejects.toThrow()
  await first.suspend()
  await rm(join(path, `${unit}.bin`), { recursive: true })
  const second = await folder.download(unit, pieceBytes)
  expect(missing(second)).toEqual([])
  await second.commit()
  await folder.verify(unit)
  expect((await readdir(path)).sort()).toEqual(['assets', 'block-0.bin', 'manifest.cbor'])
})

test('so is a unit that is packed', async () => {
  const folder = await open()
  const packed = new Uint8Array(await readFile(whole.unitPath(unit)))
  const first = await folder.writer(unit)
  await first.write(0, packed)
  await mkdir(join(path, `${unit}.bin`, 'in-the-way'), { recursive: true })
  await expect(first.commit()).rejects.toThrow()
  await rm(join(path, `${unit}.bin`), { recursive: true })
  const second = await folder.writer(unit)
  await second.write(0, packed)
  await second.commit()
  await folder.verify(unit)
})
