/**
 * Stands in for `@shoal/network` in a process of the harness: everything of it, and a transport that can be told, over
 * the channel to the parent process, where to kill its own process. Nothing of the product imports this.
 */
import { closeSync, openSync } from 'node:fs'
import {
  createLibp2pTransport as createTransport,
  type Libp2pTransport,
  type Libp2pTransportOptions,
} from '@shoal/network'
import type { KillOrder } from './kill-points.ts'
import { makeMortal } from './mortal-transport.ts'

export * from '@shoal/network'

let orders: readonly KillOrder[] = []

process.on('message', (told: readonly KillOrder[]) => {
  orders = told
  process.send?.({ orders: orders.length })
})
// Listening keeps the process alive otherwise.
process.channel?.unref()

/** Hides the one of the line above: this is what its importers get. */
export async function createLibp2pTransport(options: Libp2pTransportOptions): Promise<Libp2pTransport> {
  return makeMortal(await createTransport(options), () => orders, die)
}

function die({ claim }: KillOrder): void {
  try {
    closeSync(openSync(claim, 'wx'))
  } catch (error) {
    // Another process was first: this one lives.
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return
    throw error
  }
  process.kill(process.pid, 'SIGKILL')
}
