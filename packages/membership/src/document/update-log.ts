/** Bytes by which a log may grow beyond twice the document, so that small documents are not encoded at every write. */
const slackBytes = 16 * 1024

/** Updates that rebuild a document when they are applied in order to an empty one. */
export interface UpdateLog {
  /** Appends an update that was applied to the document. @param encode encodes the whole document as one update */
  add(update: Uint8Array, encode: () => Uint8Array): void
  all(): readonly Uint8Array[]
}

/** The log keeps about twice the document's bytes at most, and encodes the document only when the log has doubled. */
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
