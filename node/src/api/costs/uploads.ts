import { ApiError } from '../errors.ts'

/** A body that is being received. */
export interface Upload {
  /** Counts bytes that have come. @throws {ApiError} 429 when this body has to make way */
  add(bytes: number): void
  /** It has come whole, or not at all. @throws {ApiError} 429 when it had to make way */
  end(): void
}

interface Held {
  readonly network: string
  readonly cut: () => void
  bytes: number
  isCut: boolean
}

/**
 * The bodies of all requests that are being received, together. Each may be as long as any, so that some hundred slow ones
 * would fill the memory. When there are too many bytes, the address with most of them makes way with its largest body.
 */
export class Uploads {
  readonly #mostBytes: number
  readonly #held = new Set<Held>()
  #bytes = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** @param cut stops a body that makes way, whose sender may send nothing more */
  begin(network: string, cut: () => void): Upload {
    const held: Held = { network, cut, bytes: 0, isCut: false }
    this.#held.add(held)
    return {
      add: (bytes) => {
        if (!held.isCut) {
          held.bytes += bytes
          this.#bytes += bytes
        }
        while (!held.isCut && this.#bytes > this.#mostBytes) this.#cutLargest()
        if (held.isCut) throw tooMuch()
      },
      end: () => {
        this.#release(held)
        if (held.isCut) throw tooMuch()
      },
    }
  }

  #cutLargest(): void {
    const byNetwork = Map.groupBy(this.#held, ({ network }) => network)
    const [most] = [...byNetwork.values()].sort((a, b) => bytesOf(b) - bytesOf(a))
    const [largest] = (most ?? []).sort((a, b) => b.bytes - a.bytes)
    if (largest === undefined) return
    largest.isCut = true
    this.#release(largest)
    largest.cut()
  }

  #release(held: Held): void {
    if (this.#held.delete(held)) this.#bytes -= held.bytes
  }
}

const bytesOf = (held: readonly Held[]): number => held.reduce((sum, { bytes }) => sum + bytes, 0)

const tooMuch = (): ApiError =>
  new ApiError(429, 'the requests under way are too long together; try again in a second', {
    code: 'too_many_bytes',
    headers: { 'retry-after': '1' },
  })
