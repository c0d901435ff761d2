import { ShoalError } from '@shoal/host'
import type { CommandContext } from '../../cli/context.ts'
import type { NodeOptions, ServingPeer, SwarmFunctions } from '../../swarm-port.ts'
import { startTabPeer, sweepTabFolders } from './start-tab-peer.ts'
import { createTabDesk, type TabDesk } from './tab-desk.ts'

/** The desk for tabs of a node that has still to start. */
export interface OpenTabs {
  readonly desk: TabDesk
  ready(node: ServingPeer): void
}

export function openTabs(
  context: CommandContext,
  swarm: SwarmFunctions,
  { listen = [], lan = false }: Partial<Pick<NodeOptions, 'listen' | 'lan'>>,
): OpenTabs {
  sweepTabFolders(context.dataFolder)
  let node: ServingPeer | null = null
  const desk = createTabDesk({
    ...context,
    startPeer(name, options) {
      if (node === null) throw new ShoalError('not-ready', 'this node is still loading its model')
      return startTabPeer(context, swarm, { node, listen, lan }, name, options)
    },
  })
  return {
    desk,
    ready(serving) {
      node = serving
      desk.ready(serving)
    },
  }
}
