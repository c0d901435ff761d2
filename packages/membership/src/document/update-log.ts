/** A compacted log may grow to this before it is compacted again: small documents are not encoded at every write. */
const slackBytes = 16 * 1024

/** Updates that make a document when they are applied to an empty one in their order. */
export interface UpdateLog {
  /** Appends an update that the document has taken. `encode` gives the document as one update. */
  add(update: Uint8Array, encode: () => Uint8Array): void
  all(): readonly Uint8Array[]
}

/** Keeps at most twice the document's own bytes, and encodes the document no more often than it doubles. */
export function createUpdateLog(): UpdateLog {
  let updates: Uint8Array[] = []
  let byteLength = 0
  let compactAtBytes = slackBytes
  return {
    add(update, encode) {
      updates.push(update)
      byteLength += update.length
      if (byteLength <= compactAtBytes) return
      updates = [encode()]
      byteLength = updates[0]?.length ?? 0
      compactAtBytes = 2 * byteLength + slackBytes
    },
    all: () => updates,
  }
}
