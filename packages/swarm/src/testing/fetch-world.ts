import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVirtualClock, seededRandom, silentLogger, type VirtualClock } from '@shoal/host'
import { openModel, parseProfile } from '@shoal/model'
import {
  createPackedFolder,
  openFolder,
  packIntoFolder,
  writeRandomModel,
  type PackedFolder,
} from '@shoal/model/node'
import { createMemoryNetwork, type MemoryNetwork } from '@shoal/network'
import { createLinkRates } from '../measuring/link-rates.ts'
import { createReputation, type PeerTransfer, type Reputation } from '../trust/reputation.ts'
import { fetchUnits } from '../weights/blobs/fetch.ts'
import { serveBlobs, type BlobSource } from '../weights/blobs/serve.ts'
import { folderBlobs } from '../weights/store/folder-blobs.ts'

export const MiB = 1 << 20

const profile = parseProfile('f32')

/** A packed model of some mebibytes on disk, of which tests fetch units. */
export interface FetchModel {
  readonly folder: PackedFolder
  readonly root: string
  /** Bytes of these units together. */
  unitBytes(...units: string[]): number
  close(): Promise<void>
}

export async function createFetchModel(): Promise<FetchModel> {
  const root = await mkdtemp(join(tmpdir(), 'shoal-fetch-'))
  const shape = {
    hidden: 512,
    blocks: 2,
    heads: 8,
    keyValueHeads: 4,
    feedForward: 1536,
    vocabulary: 256,
    context: 64,
    tied: true,
    seed: 5,
  }
  await writeRandomModel(join(root, 'model'), shape)
  const source = await openModel(await openFolder(join(root, 'model')))
  const folder = await packIntoFolder(source, profile, join(root, 'whole'))
  await source.close()
  return {
    folder,
    root,
    unitBytes: (...units) =>
      folder.manifest.manifest.tensors
        .filter(({ name }) => units.some((unit) => name.startsWith(`${unit}.`)))
        .reduce((sum, { bytes }) => sum + bytes, 0),
    async close() {
      await folder.close()
      await rm(root, { recursive: true })
    },
  }
}

/** One peer that fetches and others that hold, on a memory network under virtual time. */
export interface FetchWorld {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  readonly reputation: Reputation
  newFolder(): Promise<PackedFolder>
  /** What an honest peer serves. */
  honest(): BlobSource
  /** Adds a peer that serves `blobs`. @returns its name */
  holder(name: string, blobs?: BlobSource): string
  fetch(
    folder: PackedFolder,
    peers: readonly string[],
    units?: readonly string[],
    options?: {
      signal?: AbortSignal
      reputation?: Reputation
      onProgress?(done: number, total: number): void
    },
  ): Promise<void>
  accountOf(peer: string): PeerTransfer
}

let folders = 0

export function createFetchWorld(model: FetchModel): FetchWorld {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(1), latencyMs: 1 })
  const self = network.createTransport('self')
  const own = createReputation(clock)
  const honest = (): BlobSource => folderBlobs(() => model.folder)

  /** Runs time while the disk works: a turn of the real event loop is ten virtual milliseconds. */
  const driven = async <T>(work: Promise<T>): Promise<T> => {
    let settled = false
    const watched = work.finally(() => {
      settled = true
    })
    watched.catch(() => undefined)
    while (!settled) {
      await stat(model.root)
      clock.advance(10)
    }
    return watched
  }
  return {
    clock,
    network,
    reputation: own,
    newFolder: () => createPackedFolder(join(model.root, `to-${(folders += 1)}`), model.folder.manifest),
    honest,
    holder(name, blobs = honest()) {
      const transport = network.createTransport(name)
      serveBlobs(transport, blobs, silentLogger, clock)
      self.learn(name, transport.addresses())
      return name
    },
    fetch: (folder, peers, units = ['block-0'], { reputation = own, ...options } = {}) =>
      driven(
        fetchUnits(
          { transport: self, clock, reputation, rates: createLinkRates(clock), candidates: () => peers },
          folder,
          units,
          options,
        ),
      ),
    accountOf: (peer) =>
      own.transfers().find((one) => one.peer === peer) ?? {
        peer,
        receivedBytes: 0,
        wrongPieces: 0,
        failures: 0,
        barredForMs: 0,
      },
  }
}
