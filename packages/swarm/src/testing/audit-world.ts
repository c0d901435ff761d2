import { createMemoryBudget, randomHex, silentLogger } from '@shoal/host'
import { packedTensors, type IdentifiedManifest } from '@shoal/model'
import { createDevice, decorateRunner, type BlockRunner, type Device } from '@shoal/runtime'
import { createCoordinator, type Coordinator, type Route, type RouteSession } from '@shoal/session'
import { AuditDesk, type AuditOptions } from '../audit/audit-desk.ts'
import { createReputation, type Reputation } from '../trust/reputation.ts'
import { smallConfig, smallManifest } from './small-model.ts'
import { createSmallSwarm, type SmallPeer, type SmallSwarm } from './small-swarm.ts'

/** Changes a result; `rows` of them were computed in this call, from `position` on. */
export type Lie = (output: Float32Array, position: number, rows: number) => Float32Array

/** A peer with its audit desk. Stages are real, over the reference runner with random weights. */
export interface AuditPeer {
  readonly peer: SmallPeer
  readonly desk: AuditDesk
  readonly reputation: Reputation
  readonly coordinator: Coordinator
}

export interface AuditWorld {
  readonly swarm: SmallSwarm
  /** Adds a node that holds all blocks. */
  addNode(name: string, lie?: Lie): Promise<AuditPeer>
  /** Adds a peer that serves nothing. */
  addClient(name: string, options: AuditOptions): Promise<AuditPeer>
  /**
   * One session of `client` over two stages: a prompt, then single rows.
   * @param drafts rows of drafts that are under way when the answer ends, none of which is drawn
   * @returns what the last block gave
   */
  answer(client: AuditPeer, stages: readonly [AuditPeer, AuditPeer], drafts?: number): Promise<Float32Array>
  /** The same rows as `answer` gave last, computed by nobody but this process. */
  right(): Promise<Float32Array>
}

const { blockCount } = smallConfig
const hiddenSize = 8
const promptRows = 12
const answerRows = 12

export async function createAuditWorld(seed = 1): Promise<AuditWorld> {
  const swarm = createSmallSwarm(seed)
  const manifest = computableManifest()
  const device = await referenceDevice(manifest)
  const load = (): Promise<BlockRunner> =>
    device.loadBlocks({ start: 0, end: blockCount }, { memory: createMemoryBudget(1 << 30) })
  let lastRows = new Float32Array(0)

  const join = async (name: string, silent: boolean, options: AuditOptions): Promise<AuditPeer> =>
    withDesk(swarm, manifest, await swarm.join(name, { silent }), options)

  return {
    swarm,
    async addNode(name, lie) {
      const node = await join(name, false, { reruns: false })
      await node.peer.stageHost.setRunners([lie === undefined ? await load() : lying(await load(), lie)])
      await node.peer.serve(0, blockCount)
      return node
    },
    addClient: (name, options) => join(name, true, options),
    async answer({ desk, coordinator }, stages, drafts = 0) {
      const rows = Float32Array.from(
        { length: (promptRows + answerRows) * hiddenSize },
        () => swarm.random.unit() * 2 - 1,
      )
      lastRows = rows
      const id = randomHex(swarm.random, 16)
      desk.expect(id)
      const opened: RouteSession = await swarm.finished(
        coordinator.open({
          session: id,
          manifestId: manifest.id,
          profile: 'f32',
          hiddenSize,
          range: { start: 0, end: blockCount },
          route: routeOver(stages),
          tokenBudget: promptRows + answerRows + drafts,
          receipts: true,
          keep: true,
        }),
      )
      const session = desk.watch(id, opened)
      const outputs: Float32Array[] = []
      const forward = async (from: number, to: number): Promise<void> => {
        const part = rows.subarray(from * hiddenSize, to * hiddenSize)
        outputs.push(await swarm.finished(session.forward(part, { want: 'all' })))
      }
      await forward(0, promptRows)
      for (let row = promptRows; row < promptRows + answerRows; row += 1) await forward(row, row + 1)
      if (drafts > 0) {
        const drafted = Float32Array.from({ length: drafts * hiddenSize }, () => swarm.random.unit())
        await swarm.finished(session.forward(drafted, { want: 'all' }))
        session.forget?.(promptRows + answerRows)
      }
      await swarm.finished(session.close())
      await swarm.finished(desk.settled())
      await swarm.run(50)
      return Float32Array.from(outputs.flatMap((part) => [...part]))
    },
    async right() {
      const runner = await load()
      await runner.open('right', lastRows.length / hiddenSize)
      const output = await runner.forward('right', 0, lastRows)
      await runner.release()
      return output
    },
  }
}

function withDesk(
  swarm: SmallSwarm,
  manifest: IdentifiedManifest,
  peer: SmallPeer,
  options: AuditOptions,
): AuditPeer {
  const { clock, random } = swarm
  const reputation = createReputation(clock)
  const { transport, membership } = peer
  const dependencies = { transport, clock, random, logger: silentLogger }
  const desk = new AuditDesk({ ...dependencies, manifest, membership, reputation }, options)
  const coordinator = createCoordinator(dependencies, {
    onReceipt: (from, receipt) => desk.receive(from, receipt),
  })
  desk.attach(coordinator)
  return { peer, desk, reputation, coordinator }
}

function routeOver(stages: readonly [AuditPeer, AuditPeer]): Route {
  const cuts = [0, blockCount / 2, blockCount]
  return stages.map(({ peer }, index) => ({
    peer: peer.name,
    addresses: peer.transport.addresses(),
    incarnation: peer.membership.incarnation,
    range: { start: cuts[index]!, end: cuts[index + 1]! },
    predictedStepMs: () => 1,
  }))
}

function lying(runner: BlockRunner, lie: Lie): BlockRunner {
  return decorateRunner(runner, {
    async forward(session, position, hidden) {
      const output = await runner.forward(session, position, hidden)
      return lie(output, position, hidden.length / hiddenSize)
    },
  })
}

/** The small model under its own id, as wide as the runners need it. */
function computableManifest(): IdentifiedManifest {
  const { manifest, ...identity } = smallManifest()
  const config = { ...manifest.config, hiddenSize, headSize: hiddenSize }
  const tensors = packedTensors(config, manifest.profile).map((tensor) => ({ ...tensor, sha256: '' }))
  return { ...identity, manifest: { ...manifest, config, tensors } }
}

function referenceDevice(manifest: IdentifiedManifest): Promise<Device> {
  return createDevice({
    kind: 'reference',
    manifest,
    readTensor: async (name, offset, length) => {
      const values = new Float32Array(length / 4)
      // Weights that depend on their place only.
      for (let index = 0; index < values.length; index += 1)
        values[index] = Math.sin((offset / 4 + index) * 1.7 + name.length) * (name.endsWith('norm') ? 1 : 0.5)
      return new Uint8Array(values.buffer)
    },
  })
}

/** The next float32 above each hundredth value or so; the smallest lie. */
export const oneUlp: Lie = (output) => {
  const bits = new Int32Array(output.buffer, output.byteOffset, output.length)
  bits[0]! += 1
  return output
}
