import { ModelError } from '../../error.ts'
import { limits } from '../../limits.ts'
import type { RangeReader } from '../range-reader.ts'

/** Bytes asked for at once: a header of a real vocabulary has 2 to 15 MB. */
const readBytes = 1 << 20

/**
 * Reads numbers and texts one after the other from the beginning of a file, which is fetched piece by piece. Lengths are
 * compared with the file and with a limit before they are used.
 */
export class HeaderCursor {
  readonly #reader: RangeReader
  readonly #what: string
  readonly #signal: AbortSignal | undefined
  /** A piece of a vocabulary may begin with U+FEFF, which a decoder removes unless told otherwise. */
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  /** Bytes of the file from `#start` on. */
  #view: DataView = new DataView(new ArrayBuffer(0))
  #start = 0
  #at = 0
  #elements = 0

  /** @param what the file, for people */
  constructor(reader: RangeReader, what: string, signal?: AbortSignal) {
    this.#reader = reader
    this.#what = what
    this.#signal = signal
  }

  /** Byte offset in the file. */
  get offset(): number {
    return this.#at
  }

  async uint32(): Promise<number> {
    const at = await this.#take(4)
    return this.#view.getUint32(at, true)
  }

  /** A count or an offset. @throws {ModelError} `bad-model` above `max` */
  async count(what: string, max: number): Promise<number> {
    const at = await this.#take(8)
    const value = this.#view.getBigUint64(at, true)
    if (value > BigInt(max)) this.refuse(`${what} is ${value}, more than ${max}`)
    return Number(value)
  }

  /** Bytes, which may share memory with the reader: do not write to them. */
  async bytes(length: number): Promise<Uint8Array> {
    const index = await this.#take(length)
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + index, length)
  }

  /** @throws {ModelError} `bad-model` when it is longer than `bytesMax` or not UTF-8 */
  async text(what: string, bytesMax: number): Promise<string> {
    const bytes = await this.bytes(await this.count(`the length of ${what}`, bytesMax))
    try {
      return this.#decoder.decode(bytes)
    } catch {
      return this.refuse(`${what} is not UTF-8`)
    }
  }

  /** Counts the elements of a list before they are read. @throws {ModelError} `bad-model` when all lists together are too long */
  spendElements(count: number): void {
    this.#elements += count
    if (this.#elements > limits.ggufElementsMax)
      this.refuse(`its lists have more than ${limits.ggufElementsMax} elements together`)
  }

  refuse(reason: string): never {
    throw new ModelError('bad-model', `${this.#what}: ${reason} (at byte ${this.#at})`)
  }

  /** Moves on by `length` bytes. @returns their index in the view */
  async #take(length: number): Promise<number> {
    const end = this.#at + length
    if (end > this.#reader.size) this.refuse(`the file ends after ${this.#reader.size} bytes`)
    if (end > limits.ggufHeaderBytesMax)
      this.refuse(`its header has more than ${limits.ggufHeaderBytesMax} bytes`)
    if (end > this.#start + this.#view.byteLength) await this.#fetch(length)
    const index = this.#at - this.#start
    this.#at = end
    return index
  }

  async #fetch(length: number): Promise<void> {
    const wanted = Math.min(this.#reader.size - this.#at, Math.max(length, readBytes))
    const bytes = await this.#reader.read(this.#at, wanted, this.#signal)
    if (bytes.byteLength !== wanted) this.refuse(`${bytes.byteLength} of ${wanted} bytes arrived`)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#start = this.#at
  }
}
