/** An action that waits for its time. */
export interface DueAction {
  readonly dueMs: number
  /** Number of its creation: among actions that are due at once, the earlier one comes first. */
  readonly order: number
  /** Null once it has run or was cancelled. */
  action: (() => void) | null
}

/**
 * Waiting actions in a binary heap: a parent is due before its children. Cancelled ones leave when they reach the top.
 */
export class DueQueue {
  readonly #heap: DueAction[] = []

  add(added: DueAction): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(added)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]!
      if (!isBefore(added, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = added
  }

  /** The action that is due first; undefined when none waits. */
  first(): DueAction | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.action === null) this.removeFirst()
    return this.#heap[0]
  }

  removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1
      if (!isBefore(heap[below]!, last)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
  }
}

function isBefore(a: DueAction, b: DueAction): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}
