/**
 * Loaded before a node's program (`NODE_OPTIONS=--import`): a wait of 15 s or more takes a tenth, so that a test meets the
 * node's own limits without waiting for them. What is shorter takes its time, and what time it is stays true.
 */
const longMs = 15_000
const shorter = 10

const wait = globalThis.setTimeout
const waitLess = (
  action: (...values: unknown[]) => void,
  delayMs = 0,
  ...values: unknown[]
): NodeJS.Timeout => wait(action, delayMs >= longMs ? delayMs / shorter : delayMs, ...values)
globalThis.setTimeout = Object.assign(waitLess, wait)
