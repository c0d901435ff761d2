import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomically } from '@shoal/host/node'

/** Where a node of this data directory can be dialled, while it runs. */
const pathOf = (dataFolder: string): string => join(dataFolder, 'addresses.json')

/** Lets commands on the same data directory find the node without `--join`. @returns what ends that */
export function publishAddresses(dataFolder: string, addresses: readonly string[]): () => void {
  writeFileAtomically(pathOf(dataFolder), JSON.stringify(addresses))
  return () => rmSync(pathOf(dataFolder), { force: true })
}

/** Empty when no node runs there. After kill -9 the addresses of the dead node stay, and dialling them says so. */
export function publishedAddresses(dataFolder: string): string[] {
  try {
    const addresses: unknown = JSON.parse(readFileSync(pathOf(dataFolder), 'utf8'))
    return Array.isArray(addresses) ? addresses.filter((address) => typeof address === 'string') : []
  } catch {
    return [] // absent or cut short: as good as no node
  }
}
