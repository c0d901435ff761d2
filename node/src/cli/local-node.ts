import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, type Logger } from '@shoal/host'
import { writeFileAtomically } from '@shoal/host/node'

/** File with the addresses of the node that runs on this data directory. */
const pathOf = (dataFolder: string): string => join(dataFolder, 'addresses.json')

/**
 * Publishes a node's addresses, so that commands on the same data directory find the node without `--join`.
 * @returns a function that withdraws them
 */
export function publishAddresses(
  { dataFolder, logger }: { readonly dataFolder: string; readonly logger: Logger },
  addresses: readonly string[],
): () => void {
  try {
    writeFileAtomically(pathOf(dataFolder), JSON.stringify(addresses))
  } catch (error) {
    // A full disk, say: other commands need `--join` then, and the node serves as always.
    logger.warn('addresses-not-published', { reason: messageOf(error) })
  }
  return () => rmSync(pathOf(dataFolder), { force: true })
}

/**
 * Addresses of the node that runs on this data directory; empty when none does. After kill -9 the addresses of the dead
 * node stay, and dialling them fails with an error that names them.
 */
export function publishedAddresses(dataFolder: string): string[] {
  try {
    const addresses: unknown = JSON.parse(readFileSync(pathOf(dataFolder), 'utf8'))
    return Array.isArray(addresses) ? addresses.filter((address) => typeof address === 'string') : []
  } catch {
    return [] // An absent or truncated file means that no node runs.
  }
}
