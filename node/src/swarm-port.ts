export type { SystemDependencies as SwarmDependencies } from '@shoal/host'
export type {
  BlockSpeed as MeasuredBlock,
  ClientOptions,
  ComputeProvider,
  NodeOptions,
  Reference,
  ServingPeer,
} from '@shoal/swarm/node'

/** Loaded at first use: `--help` and wrong options are answered without libp2p and onnxruntime. */
export const loadSwarm = () => import('@shoal/swarm/node')

/** The functions that commands stand on. */
export type SwarmFunctions = Awaited<ReturnType<typeof loadSwarm>>
