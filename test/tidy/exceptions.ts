/** Exceptions from the tidy rules, each with its reason. A path that ends in `/` stands for everything below it. */
export type Exceptions = Readonly<Record<string, string>>

/** Files of more than 300 lines. The list may only shrink. */
export const longFiles: Exceptions = {}

/** Functions of more than 70 lines outside tests, as `path: name`. The list may only shrink. */
export const longFunctions: readonly string[] = [
  // runtime
  'packages/runtime/src/testing/fake-runner.ts: createFakeRunner',
  // sim
  'sim/src/bench/allreduce.ts: benchAllreduce',
  'sim/src/bench/failover.ts: benchFailover',
  'sim/src/bench/tensor-parallel.ts: benchTensorParallel',
]

/** Folders of session and swarm with more than twelve files. The list may only shrink. */
export const crowdedFolders: readonly string[] = []

/**
 * Imports by which code for the browser reaches a module of Node, as `path: specifier`. The list may only shrink.
 */
export const nodeInBrowser: Exceptions = {
  'client/src/connect.ts: @shoal/host/node': 'clock, randomness and data folder are those of Node',
  'client/src/connect.ts: @shoal/swarm/node':
    'a client computes embedding and head with onnxruntime-node, and keeps their weights in files',
}

/** Files that touch the system's clock, timers or randomness outside packages/host/src/node. */
export const systemCalls: Exceptions = {
  'client/src/web/wait.ts': 'the timer of a browser',
  'node/src/dashboard/browser/page-clock.ts': 'the clock of a browser',
  'node/src/tabs/page/worker-clock.ts': 'the clock of a browser',
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

/** Files outside packages/host/src/node that unref a handle, so that it does not keep the process alive. */
export const unreferenced: Exceptions = {
  'node/src/leave-message.ts':
    'the channel to the parent: a listener for the order to leave must not keep the process alive',
  'packages/grammar/src/matching/watched-thread.ts':
    'a thread that waits for answers with a grammar; it holds the process while it is asked',
  'packages/group/src/lanes/lane-sockets.ts':
    'listener and lanes of a thread that ends with its device; timers of the sums hold it while it waits',
  'packages/group/src/lanes/rank-thread-control.ts':
    'the port to a thread that ends with its device; a time limit holds the process while it is asked',
  'packages/group/src/lanes/rank-thread.ts':
    'the port of a thread that ends with its device; timers of the sums hold it while it waits',
  'packages/network/src/direct/tls.ts': 'hands `unref` of its listener on to the thread that owns it',
  'packages/swarm/src/weights/tokenizer/watched-thread.ts':
    'a thread that waits for prompts; it holds the process while it is asked',
  'sim/src/kills/mortal-network.ts':
    'the channel to the parent: its listener must not keep the process alive',
}

/** Files of more than 256 KiB. */
export const largeFiles: Exceptions = {
  'packages/demo-model/draft/model.safetensors': 'the draft model of the embedded model',
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
