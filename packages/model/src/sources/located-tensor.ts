import { ModelError } from '../error.ts'
import { show } from '../json-fields.ts'
import type { RangeReader } from './range-reader.ts'
import type { StoredRows, StoredTensor } from './tensor-source.ts'

/** Where the bytes of one tensor lie in a file, rows behind one another. */
export interface LocatedBytes {
  readonly name: string
  readonly type: string
  readonly shape: readonly number[]
  /** Byte offset in the file (not in the data section). */
  readonly offset: number
  readonly bytes: number
}

export type LocatedTensor = StoredTensor & LocatedBytes

/** Reads rows `[rowStart, rowEnd)`. @throws {ModelError} `bad-request`, `bad-model` when fewer bytes arrive */
export async function readLocatedRows(
  tensor: LocatedTensor,
  reader: RangeReader,
  rowStart: number,
  rowEnd: number,
  signal?: AbortSignal,
): Promise<StoredRows> {
  return { type: tensor.type, bytes: await readLocatedBytes(tensor, reader, rowStart, rowEnd, signal) }
}

/** The bytes of rows `[rowStart, rowEnd)`. @throws {ModelError} as {@link readLocatedRows} */
export async function readLocatedBytes(
  { name, type, shape, offset, bytes: tensorBytes }: LocatedBytes,
  reader: RangeReader,
  rowStart: number,
  rowEnd: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const rows = shape[0] ?? 1
  if (
    !Number.isInteger(rowStart) ||
    !Number.isInteger(rowEnd) ||
    rowStart < 0 ||
    rowStart > rowEnd ||
    rowEnd > rows
  ) {
    throw new ModelError(
      'bad-request',
      `rows [${rowStart}, ${rowEnd}) are not inside the ${rows} rows of ${name}`,
    )
  }
  const rowBytes = rows === 0 ? 0 : tensorBytes / rows
  const length = (rowEnd - rowStart) * rowBytes
  const bytes = await reader.read(offset + rowStart * rowBytes, length, signal)
  if (bytes.byteLength !== length)
    throw new ModelError(
      'bad-model',
      `tensor ${name}: ${bytes.byteLength} of ${length} bytes arrived (${type})`,
    )
  return bytes
}

/** Two names for one range would let a small file pose as a large model. @throws {ModelError} `bad-model` */
export function refuseOverlaps(tensors: readonly LocatedBytes[], fileName: string): void {
  let previous: LocatedBytes | undefined
  for (const tensor of tensors.toSorted((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (previous !== undefined && tensor.offset < previous.offset + previous.bytes) {
      throw new ModelError(
        'bad-model',
        `${fileName}: tensors ${show(previous.name)} and ${show(tensor.name)} overlap`,
      )
    }
    previous = tensor
  }
}
