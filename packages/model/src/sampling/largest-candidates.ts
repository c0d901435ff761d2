/**
 * Ids of the `count` largest logits, ordered by (logit descending, id ascending). The candidates are a heap whose root is
 * the worst of them, so one pass over the vocabulary dismisses nearly every logit with a single comparison.
 *
 * NaN is a candidate only when there are too few other logits.
 */
export function largestCandidates(logits: Float32Array, count: number): Uint32Array {
  const size = Math.min(count, logits.length)
  const heap = new Uint32Array(size)
  if (size === 0) return heap
  for (let index = 0; index < size; index++) heap[index] = index
  for (let index = (size >> 1) - 1; index >= 0; index--) siftDown(heap, index, size, logits)
  for (let id = size; id < logits.length; id++) {
    // Equal logits lose: their id is larger than any in the heap.
    const root = logits[heap[0] as number] as number
    if ((logits[id] as number) > root || Number.isNaN(root)) {
      heap[0] = id
      siftDown(heap, 0, size, logits)
    }
  }
  // Heap sort: the worst moves to the end, again and again.
  for (let end = size - 1; end > 0; end--) {
    const worst = heap[0] as number
    heap[0] = heap[end] as number
    heap[end] = worst
    siftDown(heap, 0, end, logits)
  }
  return heap
}

/** Whether candidate `a` comes after `b`. */
function isWorse(a: number, b: number, logits: Float32Array): boolean {
  const left = logits[a] as number
  const right = logits[b] as number
  if (left === right) return a > b
  if (Number.isNaN(left) || Number.isNaN(right))
    return Number.isNaN(left) === Number.isNaN(right) ? a > b : Number.isNaN(left)
  return left < right
}

function siftDown(heap: Uint32Array, start: number, size: number, logits: Float32Array): void {
  const moved = heap[start] as number
  let hole = start
  for (;;) {
    let child = 2 * hole + 1
    if (child >= size) break
    if (child + 1 < size && isWorse(heap[child + 1] as number, heap[child] as number, logits)) child++
    if (!isWorse(heap[child] as number, moved, logits)) break
    heap[hole] = heap[child] as number
    hole = child
  }
  heap[hole] = moved
}
