/**
 * Waits one turn of the real event loop, in which signals and messages of other processes are handled and all pending
 * promise chains run to their ends. It is a barrier only: the order within a simulation does not depend on it.
 */
export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
