import { formatBytes } from '@shoal/host/node'
import { formatProfile, rangeBytes } from '@shoal/model'
import { renderUnicodeCompact } from 'uqr'
import { isLoopbackName } from '../api/access.ts'
import type { ApiServer } from '../api/server.ts'
import type { ServingPeer, StreamedSpan } from '../swarm-port.ts'
import { lendLink } from '../tabs/server/lend-link.ts'
import type { CommandContext } from './context.ts'
import { joinCommand, localJoinCommand } from './join-command.ts'
import { missingText } from './missing-blocks.ts'

/** Prints the node's identity, and the exact command with which another machine joins. */
export async function announceNode(
  { output, dataFolder }: CommandContext,
  node: ServingPeer,
  server: ApiServer | null,
  tabsToken: string | null,
): Promise<void> {
  const lend = server === null || tabsToken === null ? null : lendLink(server, tabsToken)
  const { manifest, id } = node.manifest
  const profile = formatProfile(manifest.profile)
  const addrs = node.addresses()
  const blocks = node.blocks()
  output.event({
    event: 'ready',
    peerId: node.peerId,
    addrs,
    model: manifest.name,
    manifest: id,
    profile,
    numericClass: node.numericClass,
    blocks,
    ...(node.streaming !== null && { streaming: node.streaming }),
    api: server?.url ?? null,
    ...(lend !== null && { lend }),
  })
  output.line(
    `${manifest.name} ${profile}: ${blocks === null ? 'no blocks yet' : `serving blocks ${blocks[0]} to ${blocks[1] - 1} of ${manifest.config.blockCount}`}`,
  )
  if (node.streaming !== null) output.line(streamingLine(node.streaming))
  const status = node.status()
  const missing = await missingText(node.manifest, status)
  if (missing !== null) output.line(missing)
  const self = status.peers.find((peer) => peer.self)
  if (self !== undefined) {
    const blockBytes = rangeBytes(manifest.config, manifest.profile, { start: 0, end: 1 })
    const short = blocks === null && self.memoryBytes < blockBytes
    output.line(
      `memory ${formatBytes(self.memoryBytes)}${short ? `: too little for one block of ${formatBytes(blockBytes)}; give more with --memory` : ''}`,
    )
  }
  if (server !== null) output.line(`API and dashboard: ${server.url}`)
  if (lend !== null) {
    output.line(
      `\nWho opens this link lends a browser tab to the swarm, as long as the tab is open:\n  ${lend}`,
    )
    if (!isLoopbackName(new URL(lend).hostname)) output.line(renderUnicodeCompact(lend))
  }
  announceWay(output, node, addrs, dataFolder)
}

function streamingLine({ blocks, residentBlocks, bytesPerStep }: StreamedSpan): string {
  return `Slow: this memory holds ${residentBlocks + 1} of ${blocks} blocks at a time, so every step reads ${formatBytes(bytesPerStep)} of weights from disk (--stream-weights).`
}

/** How others join: by an invite, or by the address alone, where everybody may. */
function announceWay(
  output: CommandContext['output'],
  node: ServingPeer,
  addrs: readonly string[],
  dataFolder: string,
): void {
  const { privateSwarm } = node
  if (privateSwarm === null) {
    output.line('This swarm is open: whoever reaches this address may join it and use it.')
    const far = joinCommand(addrs)
    output.line(
      far === null
        ? '\nThis node listens on this machine only. For other machines start it with --lan, or with --listen /ip4/0.0.0.0/tcp/4001.'
        : `\nTo join from another machine:\n  ${far}`,
    )
    output.line(
      `\nTo join from another terminal of this machine:\n  ${localJoinCommand(addrs, dataFolder)}\n`,
    )
    return
  }
  output.line(
    `This swarm is private. This node is a member (${privateSwarm.role}) until ${privateSwarm.until}.`,
  )
  output.line('\nTo let another machine in, in another terminal:\n  npx shoal invite\n')
}
