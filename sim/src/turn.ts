/**
 * One turn of the real event loop: signals and messages of other processes are heard, and all promises that can be
 * resolved are, however long their chains. It is only a barrier: nothing in a simulation is ordered by it.
 */
export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
