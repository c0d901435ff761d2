import { basename, dirname } from 'node:path'
import { createStream, type RotatingFileStream } from 'rotating-file-stream'
import { makeFolder } from './make-folder.ts'

/** Five files of 10 MB hold weeks of a quiet node or hours at level `debug`, and never fill a disk. */
const rotation = { size: '10M', maxFiles: 4 } as const

/** Time after which a file that could not be written is tried again: somebody has to make room on the disk first. */
const retryMs = 30_000

/** Bytes that may wait for a disk that hangs. */
const waitingBytesMax = 4 * 1024 ** 2

export interface SteadyFileOptions {
  /** Told once for each time in which the file cannot be written. */
  readonly onFailure: (error: Error) => void
  readonly retryMs?: number
}

/**
 * A rotating file of lines that takes what its disk takes. While the disk is full, hangs, or may not be written, lines are
 * left out; the first line after that says how many.
 */
export class SteadyFile {
  readonly #path: string
  readonly #options: SteadyFileOptions
  #stream: RotatingFileStream | null = null
  #failedMs: number | null = null
  #lost = 0
  #telling = false

  constructor(path: string, options: SteadyFileOptions) {
    this.#path = path
    this.#options = options
    makeFolder(dirname(path))
    this.#open()
  }

  write(line: string): void {
    const { retryMs: waitMs = retryMs } = this.#options
    if (this.#stream === null && performance.now() - (this.#failedMs ?? 0) >= waitMs) this.#open()
    if (this.#stream === null || this.#stream.writableLength > waitingBytesMax) {
      this.#lost += 1
      return
    }
    this.#tellLost(this.#stream)
    this.#stream.write(line, (error) => {
      if (error !== null && error !== undefined) this.#lost += 1
    })
  }

  /** Says how many lines were left out. They count until this is on the disk. */
  #tellLost(stream: RotatingFileStream): void {
    if (this.#lost === 0 || this.#telling) return
    const count = this.#lost
    this.#telling = true
    stream.write(lostLine(count), (error) => {
      this.#telling = false
      if (error === null || error === undefined) this.#lost -= count
    })
  }

  /** Writes what is waiting and closes the file. */
  close(): Promise<void> {
    const stream = this.#stream
    this.#stream = null
    this.#failedMs = Number.POSITIVE_INFINITY
    return stream === null ? Promise.resolve() : endOf(stream)
  }

  #open(): void {
    const stream = createStream(basename(this.#path), { path: dirname(this.#path), ...rotation })
    this.#stream = stream
    stream.on('error', (error) => {
      if (this.#stream !== stream) return
      // One outage is told once, however often it is tried again.
      if (this.#failedMs === null) this.#options.onFailure(error)
      this.#failedMs = performance.now()
      this.#stream = null
      stream.destroy()
    })
    stream.on('drain', () => (this.#failedMs = null))
  }
}

const lostLine = (count: number): string =>
  `${JSON.stringify({ level: 'warn', time: Date.now(), event: 'log-lines-lost', count })}\n`

function endOf(stream: RotatingFileStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.closed) {
      resolve()
      return
    }
    stream.once('close', resolve)
    stream.once('error', () => resolve())
    stream.end()
  })
}
