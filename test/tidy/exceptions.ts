/** What tidy lets pass, each with its reason. A path that ends in `/` stands for everything below it. */
export type Exceptions = Readonly<Record<string, string>>

/** Files of more than 300 lines. */
export const longFiles: Exceptions = {
  'node/src/api/app.test.ts': 'longer since the formatter breaks its lines; to be split',
  'packages/group/src/collectives/collective.test.ts':
    'longer since the formatter breaks its lines; to be split',
  'packages/group/src/rank/rank-member.ts': 'longer since the formatter breaks its lines; to be split',
  'packages/group/src/runner/formation.ts': 'longer since the formatter breaks its lines; to be split',
  'packages/group/src/runner/group-runner.ts': 'longer since the formatter breaks its lines; to be split',
  'packages/membership/src/membership.ts': 'longer since the formatter breaks its lines; to be split',
  'packages/network/src/credit-channel.ts': 'longer since the formatter breaks its lines; to be split',
  'packages/network/src/direct/direct-channels.test.ts':
    'longer since the formatter breaks its lines; to be split',
  'packages/protocol/src/group.ts': 'longer since the formatter breaks its lines; to be split',
  'packages/session/src/coordinator/reroute/relocation.ts':
    'longer since the formatter breaks its lines; to be split',
  'packages/session/src/coordinator/route-session.ts':
    'longer since the formatter breaks its lines; to be split',
  'packages/session/src/end-to-end/hostile.test.ts':
    'longer since the formatter breaks its lines; to be split',
  'packages/session/src/over-groups/group.test.ts':
    'longer since the formatter breaks its lines; to be split',
  'packages/swarm/src/placement/span-keeper.test.ts':
    'longer since the formatter breaks its lines; to be split',
  'packages/swarm/src/view/swarm-view.ts': 'longer since the formatter breaks its lines; to be split',
  'packages/swarm/src/weights/blobs/fetch.test.ts':
    'longer since the formatter breaks its lines; to be split',
  'sim/src/simulator/world.ts': 'longer since the formatter breaks its lines; to be split',
  'test/tidy.test.ts': 'longer since the formatter breaks its lines; to be split',
}

/** Files that touch the system's clock, timers or randomness outside packages/host/src/node. */
export const systemCalls: Exceptions = {
  'packages/network/src/conformance/peers.ts': 'a limit on waits for real sockets',
  'packages/network/src/libp2p/idle-connections.test.ts': 'turns of the real event loop',
  'packages/network/src/libp2p/processes.test.ts': 'a limit on waits for real processes',
  'packages/network/src/libp2p/speed-ups.test.ts': 'times and fills real sockets',
  'packages/network/src/libp2p/testing/measure-directory.ts': 'a limit on waits for real sockets',
  'packages/network/src/libp2p/testing/measure-latency.ts': 'times real sockets',
  'packages/network/src/memory/network.test.ts': 'turns of the real event loop',
  'sim/src/bench/': 'measures real processes in real time',
  'sim/src/turn.ts': 'turns of the real event loop',
  'test/demo-swarm.test.ts': 'waits for real processes',
}

/** Files of more than 256 KiB. */
export const largeFiles: Exceptions = {
  'packages/demo-model/model/model.safetensors': 'the embedded model: a first run needs no download',
  'test/golden/': 'models and logits of every family: the proof of parity',
}

/** Dependencies that no import statement names. */
export const unimportedDependencies: Exceptions = {}

export function isExcepted(exceptions: Exceptions, path: string): boolean {
  return Object.keys(exceptions).some((entry) =>
    entry.endsWith('/') ? path.startsWith(entry) : path === entry,
  )
}
