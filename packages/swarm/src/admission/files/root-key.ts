import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@shoal/host'
import { loadOrCreateKey } from '@shoal/host/node'
import { createPeerKey, signerOf } from '@shoal/network'
import type { OwnKey } from './swarm-pass.ts'

const rootKeyPath = (folder: string): string => join(folder, 'root.key')

/** Makes a swarm's root key, or takes the one of the folder. */
export async function createRootKey(folder: string, logger: Logger): Promise<OwnKey> {
  return signerOf(await loadOrCreateKey(rootKeyPath(folder), createPeerKey, logger))
}

/** The root key in a folder; null in every folder but the founder's, and where the key was moved to a safe place. */
export async function rootKeyIn(folder: string, logger: Logger): Promise<OwnKey | null> {
  return existsSync(rootKeyPath(folder)) ? await createRootKey(folder, logger) : null
}
