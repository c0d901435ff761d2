import { limits } from '../limits.ts'

/** What a channel needs of the thing beneath it: a libp2p stream, a TLS socket, or a pipe in memory. */
export interface Wire {
  /** Joins the parts into the one buffer that `write` takes; the caller may then reuse them. */
  pack(parts: readonly Uint8Array[], length: number): Uint8Array
  /** @returns false when the operating system's buffer is full: `drained()` follows */
  write(packed: Uint8Array): boolean
  /** Returns credit to the sender on the other side. */
  grant(bytes: number): void
  /** Says goodbye behind what was written, and lets go. Never rejects. */
  end(): Promise<void>
  /** Drops everything at once; the other side sees an error. */
  reset(error: Error): void
}

/** Credit that a frame of `length` bytes uses: its bytes, and what keeping it costs the receiver beside them. */
export const creditFor = (length: number): number => length + limits.frameOverheadBytes
