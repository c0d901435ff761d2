import * as Y from 'yjs'
import { ShoalError } from '@shoal/host'
import { emptyShape, inspectUpdate, rootName, type DocumentShape } from './grammar.ts'

/** Values by key, each the deterministic CBOR of one field of a record. */
export type Values = ReadonlyMap<string, Uint8Array>

/**
 * One document of one owner: a flat yjs map that the owner alone writes, as one yjs client. The only file that calls yjs.
 */
export class OwnerDocument {
  readonly client: number
  readonly #doc: Y.Doc
  readonly #map: Y.Map<Uint8Array>
  #shape: DocumentShape = emptyShape

  constructor(client: number) {
    this.client = client
    this.#doc = new Y.Doc({ gc: true })
    // Not the owner's own id, which yjs would change, and say so, when it reads an update by it.
    this.#doc.clientID = (client ^ 1) >>> 0
    this.#map = this.#doc.getMap<Uint8Array>(rootName)
  }

  values(): Values {
    return new Map(this.#map.entries())
  }

  /**
   * Applies an update of the owner. After a refusal the document is of no further use.
   * @throws {ShoalError} `bad-frame` for an update that no honest owner makes, and for one on which yjs fails
   */
  apply(update: Uint8Array): void {
    const shape = inspectUpdate(update, this.client, this.#shape)
    try {
      Y.applyUpdate(this.#doc, update)
    } catch (cause) {
      throw new ShoalError('bad-frame', 'an update was refused: yjs cannot apply it', { cause })
    }
    // What the grammar accepts never waits for other items; were it so, yjs would keep it without a bound.
    if (this.#doc.store.pendingStructs !== null || this.#doc.store.pendingDs !== null)
      throw new ShoalError('bad-frame', 'an update was refused: it builds on items that are missing')
    this.#shape = shape
  }

  /**
   * Writes what differs from the values in the document; for the owner only.
   * @returns the update, or undefined when nothing differs
   */
  write(values: Values): Uint8Array | undefined {
    let update: Uint8Array | undefined
    const take = (made: Uint8Array): void => {
      update = made
    }
    this.#doc.clientID = this.client
    this.#doc.on('update', take)
    this.#doc.transact(() => {
      for (const key of this.#map.keys()) if (!values.has(key)) this.#map.delete(key)
      for (const [key, value] of values) {
        const written = this.#map.get(key)
        if (written === undefined || !equalBytes(written, value)) this.#map.set(key, value)
      }
    })
    this.#doc.off('update', take)
    return update
  }

  /** Whether the document holds exactly these values. */
  holds(values: Values): boolean {
    return (
      this.#map.size === values.size &&
      [...values].every(([key, value]) => {
        const written = this.#map.get(key)
        return written !== undefined && equalBytes(written, value)
      })
    )
  }

  destroy(): void {
    this.#doc.destroy()
  }
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
