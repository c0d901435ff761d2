import { ShoalError } from '@shoal/host'
import { startNodeProcess, type NodeProcess, type ReadyEvent } from 'shoal/node-process'
import type { KillOrder } from './kill-points.ts'

/** A `shoal up` process that kills itself at the points that it is ordered to. */
export interface MortalNode extends NodeProcess {
  readonly peerId: string
  readonly address: string
  readonly alive: boolean
  /** Replaces the process's orders. Resolves when the process has them. */
  arm(orders: readonly KillOrder[]): Promise<void>
}

const preload = new URL('preload.ts', import.meta.url).href

/**
 * @param words of the command line after `up --json`
 * @param plain without the transport that takes orders, for measurements of the product alone
 */
export async function startMortalNode(words: readonly string[], plain = false): Promise<MortalNode> {
  const options = [process.env['NODE_OPTIONS'], `--import=${preload}`].filter(
    (option) => option !== undefined,
  )
  const node = startNodeProcess(
    words,
    plain ? {} : { env: { ...process.env, NODE_OPTIONS: options.join(' ') } },
  )
  const ready: ReadyEvent = await node.ready
  const { process: child } = node
  return {
    ...node,
    peerId: ready.peerId,
    address: ready.addrs[0]!,
    get alive() {
      return child.exitCode === null && child.signalCode === null
    },
    async arm(orders) {
      if (plain) throw new ShoalError('bad-request', 'this process takes no orders')
      const heard = new Promise<void>((resolve, reject) => {
        child.once('message', () => resolve())
        child.send([...orders], (error) => {
          if (error !== null) reject(error)
        })
      })
      await Promise.race([
        heard,
        node.ended.then(() => Promise.reject(new ShoalError('peer-vanished', node.obituary()))),
      ])
    },
  }
}
