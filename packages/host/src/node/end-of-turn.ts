/** Runs an action once the event loop has heard all sockets that had something to say in this turn. */
export function atEndOfTurn(action: () => void): void {
  setImmediate(action)
}
