export type { SystemDependencies as SwarmDependencies } from '@shoal/host'
export type {
  BlockSpeed as MeasuredBlock,
  ClientOptions,
  ComputeProvider,
  FoundRouter,
  GrantReport,
  InviteReport,
  NewInvite,
  NodeOptions,
  Reference,
  ServingPeer,
  ShownPin,
  StreamedSpan,
} from '@shoal/swarm/node'

/** Loads the swarm at first use, so that `--help` and wrong options need neither libp2p nor onnxruntime. */
export const loadSwarm = () => import('@shoal/swarm/node')

/** The swarm functions that commands use. */
export type SwarmFunctions = Awaited<ReturnType<typeof loadSwarm>>
