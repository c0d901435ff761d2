/**
 * Replaces `@shoal/network` in the processes of this harness: it exports the same, with a transport that takes orders to
 * kill its own process over the IPC channel to the parent. The product never imports it.
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
// A listener on the channel would keep the process alive.
process.channel?.unref()

/** Shadows the export of the same name from `@shoal/network`. */
export async function createLibp2pTransport(options: Libp2pTransportOptions): Promise<Libp2pTransport> {
  return makeMortal(await createTransport(options), () => orders, die)
}

function die({ claim }: KillOrder): void {
  try {
    closeSync(openSync(claim, 'wx'))
  } catch (error) {
    // Another process was first to claim the order, so that this one lives on.
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return
    throw error
  }
  process.kill(process.pid, 'SIGKILL')
}
