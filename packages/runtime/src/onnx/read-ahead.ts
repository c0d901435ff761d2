import type { BlockRange } from '@shoal/model'

/** Reads weights of blocks into the system's cache before they are loaded. */
export interface ReadAhead {
  read(blocks: BlockRange): void
  close(): void
}
