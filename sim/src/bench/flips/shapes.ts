import { silentLogger, unlimitedMemory } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { formatProfile, rankShare, type IdentifiedManifest } from '@shoal/model'
import { createMemoryNetwork, type MemoryNetwork } from '@shoal/network'
import type { Device } from '@shoal/runtime'
import { createRankHost } from '@shoal/group'
import { createGroupDevice, type Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** The same model in several shapes, all in this process. */
export interface Shapes {
  /** All blocks at one peer. */
  readonly whole: Engine
  /** Cut between blocks into two stages: the same bits as `whole`, so the measurement must find nothing. */
  readonly stages: Engine
  /** A group of equal ranks. */
  readonly twoRanks: Engine
  /** A group whose first rank computes half of every block, the others a quarter each. */
  readonly threeRanks: Engine
  close(): Promise<void>
}

/** Groups are the real ones, over a network in memory: each rank computes on a device, and in a thread, of its own. */
export async function openShapes(options: {
  readonly model: string
  readonly weights: string
  readonly dataFolder: string
}): Promise<Shapes> {
  const network = createMemoryNetwork({ clock: systemClock, random: systemRandom })
  const open: { close(): Promise<void> }[] = []
  /** Of the engines so far: while another one computes they are idle, and lend their threads to its group. */
  const devices: Device[] = []
  const close = async (): Promise<void> => {
    for (const one of open.reverse()) await one.close()
  }
  const engine = async (
    wrap: (own: Device, manifest: IdentifiedManifest) => Device,
    cuts?: readonly number[],
  ): Promise<Engine> => {
    const opened = await openLocalEngine(dependencies, {
      ...options,
      threads: 1,
      cuts,
      wrap: (own, manifest) => (devices.push(own), wrap(own, manifest)),
    })
    open.push(opened)
    return opened
  }
  const group = (name: string, speeds: readonly number[]): Promise<Engine> =>
    engine((own, manifest) => {
      const ranks = speeds
        .slice(1)
        .map((_, index) => addRank(network, `${name}-${index + 1}`, devices[index]!, manifest))
      return createGroupDevice({ ...dependencies, manifest, transport: network.createTransport(name) }, own, {
        ranks,
        speeds,
      })
    })
  try {
    const whole = await engine((own) => own)
    const half = Math.floor(whole.manifest.manifest.config.blockCount / 2)
    return {
      whole,
      stages: await engine((own) => own, [half]),
      twoRanks: await group('two', [1, 1]),
      threeRanks: await group('three', [2, 1, 1]),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** @returns its address */
function addRank(network: MemoryNetwork, name: string, device: Device, manifest: IdentifiedManifest): string {
  const transport = network.createTransport(name)
  const { config, profile } = manifest.manifest
  createRankHost(
    { ...dependencies, transport },
    {
      manifestId: manifest.id,
      profile: formatProfile(profile),
      numericClass: device.numericClass,
      accepts: () => true,
      load: ({ range, split, rank, sum }, signal) =>
        device.loadRank(range, {
          share: rankShare(config, profile, split, rank),
          sum,
          memory: unlimitedMemory(),
          signal,
        }),
    },
  )
  return transport.addresses()[0]!
}
