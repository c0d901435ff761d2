/** Random access to one file, wherever it is: disk, HTTP, a peer, memory. */
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
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  }
}
