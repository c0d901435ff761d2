import { ModelError } from '../error.ts'

/** Random access to one file on a disk, over HTTP, at a peer or in memory. */
export interface RangeReader {
  /** Whole size in bytes. */
  readonly size: number
  /**
   * Bytes `[offset, offset + length)`.
   * @throws {ModelError} `bad-model` when the range leaves the file or fewer bytes arrive
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>
}

/** The files of one model, in Hugging Face layout. */
export interface ModelFiles {
  /** A short name for people, e.g. the folder's name. */
  readonly name: string
  /** Null when there is no such file. */
  open(fileName: string): Promise<RangeReader | null>
  list(): Promise<readonly string[]>
  close(): Promise<void>
}

export function memoryReader(bytes: Uint8Array): RangeReader {
  return {
    size: bytes.byteLength,
    read: async (offset, length, signal) => {
      signal?.throwIfAborted()
      checkRange(offset, length, bytes.byteLength, 'the buffer')
      return bytes.subarray(offset, offset + length)
    },
  }
}

/**
 * The files of a model in memory, for tests and for browsers that were given the files.
 * @param files file name to bytes
 */
export function memoryFiles(name: string, files: ReadonlyMap<string, Uint8Array>): ModelFiles {
  return {
    name,
    open: async (fileName) => {
      const bytes = files.get(fileName)
      return bytes === undefined ? null : memoryReader(bytes)
    },
    list: async () => [...files.keys()],
    close: async () => undefined,
  }
}

/** @throws {ModelError} `bad-model` unless `[offset, offset + length)` lies inside `size` bytes */
export function checkRange(offset: number, length: number, size: number, what: string): void {
  const inside =
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    offset + length <= size
  if (!inside)
    throw new ModelError(
      'bad-model',
      `bytes [${offset}, ${offset + length}) leave ${what}, which has ${size} bytes`,
    )
}

/** Reads a whole small file. @throws {ModelError} `limit-exceeded` above `bytesMax`, before reading */
export async function readWhole(
  reader: RangeReader,
  bytesMax: number,
  what: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (reader.size > bytesMax)
    throw new ModelError(
      'limit-exceeded',
      `${what} has ${reader.size} bytes, more than the ${bytesMax} allowed`,
    )
  const bytes = await reader.read(0, reader.size, signal)
  if (bytes.byteLength !== reader.size)
    throw new ModelError('bad-model', `${what}: ${bytes.byteLength} of ${reader.size} bytes arrived`)
  return bytes
}
