import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, type Logger } from '@shoal/host'
import { isRunning, makeFolder, writeFileAtomically } from '@shoal/host/node'

/** File with the addresses of the node that runs on this data directory. */
const pathOf = (dataFolder: string): string => join(dataFolder, 'addresses.json')

/** File with addresses of the swarm that a process asks which is no node on this data directory. */
const swarmPathOf = (dataFolder: string): string => join(dataFolder, 'swarm-here.json')

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
 * Publishes addresses of the swarm that this process asks, as `shoal start` and `shoal serve` do: commands find that swarm
 * while the process runs and no node does. Of several such processes, the last one counts.
 * @returns a function that withdraws them
 */
export function publishSwarm(
  { dataFolder, logger }: { readonly dataFolder: string; readonly logger: Logger },
  addresses: readonly string[],
): () => void {
  const path = swarmPathOf(dataFolder)
  const text = JSON.stringify({ pid: process.pid, addresses })
  try {
    makeFolder(dataFolder)
    writeFileAtomically(path, text)
  } catch (error) {
    logger.warn('addresses-not-published', { reason: messageOf(error) })
  }
  return () => {
    // Another process may have written its own since.
    if (read(path) === text) rmSync(path, { force: true })
  }
}

/** Addresses of the swarm that a running process of this data directory asks; empty when there is none. */
export function publishedSwarm(dataFolder: string): string[] {
  const published = parsed(read(swarmPathOf(dataFolder)))
  if (typeof published !== 'object' || published === null) return []
  if (!('pid' in published) || !('addresses' in published)) return []
  const { pid, addresses } = published
  // A process that was killed withdraws nothing.
  return typeof pid === 'number' && isRunning(pid) ? textsOf(addresses) : []
}

/**
 * Addresses of the node that runs on this data directory; empty when none does. After kill -9 the addresses of the dead
 * node stay, and dialling them fails with an error that names them.
 */
export const publishedAddresses = (dataFolder: string): string[] => textsOf(parsed(read(pathOf(dataFolder))))

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []

/** @returns null for an absent file, which means that nothing runs */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

/** @returns null for a truncated file, which means that nothing runs */
function parsed(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return null
  }
}
