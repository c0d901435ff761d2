import {
  createVirtualClock,
  seededRandom,
  silentLogger,
  type VirtualClock,
  createMemoryBudget,
  type MemoryBudget,
} from '@shoal/host'
import {
  formatProfile,
  identifyManifest,
  packedTensors,
  parseProfile,
  sha256Hex,
  splitBlocks,
  type ModelConfig,
  manifestVersion,
} from '@shoal/model'
import type { Member } from '@shoal/membership'
import { createMemoryNetwork, type MemoryNetwork, type Transport } from '@shoal/network'
import type { Placement } from '@shoal/planner'
import { protocols, type FormGroup, type GroupDone, type GroupFailed } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import { createRankLink } from '@shoal/group'
import { beforeEach, describe, expect, test } from 'vitest'
import { createPlannedGroups, type PlannedGroups } from './planned-groups.ts'
import { createFakeDevice, smallConfig } from '../testing/small-model.ts'
import { settle } from '../testing/virtual-time.ts'

const config: ModelConfig = {
  ...smallConfig,
  headCount: 4,
  keyValueHeadCount: 4,
  headSize: 4,
  hiddenSize: 16,
  feedForwardSize: 64,
}
const profile = parseProfile('f32')
const manifest = identifyManifest({
  version: manifestVersion,
  name: 'small',
  config,
  profile,
  assets: [],
  tensors: packedTensors(config, profile).map(({ name, type, shape, offset, bytes }) => ({
    name,
    type,
    shape,
    offset,
    bytes,
    sha256: sha256Hex(new TextEncoder().encode(name)),
  })),
})
const speeds = [16, 16]
const placement: Placement = { peer: 'a', start: 0, end: 6, group: { ranks: ['self'], speeds } }

let clock: VirtualClock
let network: MemoryNetwork
let self: Transport
let groups: PlannedGroups
let placements: Placement[]
/** Whether loading a share ends. */
let loads: boolean
let members: Member[]
let device: ReturnType<typeof createFakeDevice>
let memory: MemoryBudget

beforeEach(() => {
  clock = createVirtualClock()
  network = createMemoryNetwork({ clock, random: seededRandom(1) })
  self = network.createTransport('self')
  placements = [placement]
  loads = true
  members = []
  device = createFakeDevice()
  memory = createMemoryBudget(2 ** 30)
  const never = new Promise<BlockRunner>(() => undefined)
  groups = createPlannedGroups(
    {
      transport: self,
      clock,
      random: seededRandom(2),
      logger: silentLogger,
      manifest,
      device: {
        numericClass: 'one',
        loadRank: (range, options) => (loads ? device.loadBlocks(range, options) : never),
      },
      membership: { members: () => members },
      plan: () => ({ placements }),
      microsPer1024Past: () => 0,
      ensureUnits: () => Promise.resolve(),
    },
    { memory },
  )
})

/** The answer of `self` when `leader` asks it to be a rank. */
async function ask(
  leader: string,
  change: Partial<FormGroup> = {},
): Promise<GroupDone | GroupFailed | undefined> {
  const transport = network.createTransport(leader)
  transport.learn('self', self.addresses())
  const opening = transport.open('self', protocols.group, { signal: new AbortController().signal })
  await run()
  const link = createRankLink(await opening, silentLogger)
  let answer: GroupDone | GroupFailed | undefined
  link.onMessage((message) => {
    if (message.type === 'group-done' || message.type === 'group-failed') answer ??= message
  })
  const peers = [leader, 'self'].map((peer) => ({ peer, addresses: [] }))
  link.send({
    type: 'group-form',
    request: 0,
    group: `of ${leader}`.replace(' ', '-'),
    manifest: manifest.id,
    profile: formatProfile(profile),
    start: 0,
    end: 6,
    rank: 1,
    ...splitBlocks(config, profile, speeds),
    sums: [{ bytes: 64, algorithm: 'gather' }],
    peers,
    ...change,
  })
  await run()
  return answer
}

async function run(): Promise<void> {
  for (let ms = 0; ms < 20; ms += 1) {
    await settle()
    clock.advance(1)
  }
}

describe('a node is a rank of', () => {
  test('the leader that its own plan names', async () => {
    expect(await ask('a')).toMatchObject({ type: 'group-done', numericClass: 'one' })
    expect(memory.usedBytes()).toBeGreaterThan(0)
  })

  test.each<[string, string, () => Partial<FormGroup> | void, string]>([
    ['nobody else', 'b', () => undefined, 'this node does not compute for groups that you lead'],
    [
      'nobody when the plan names no groups',
      'a',
      () => void (placements = [{ peer: 'a', start: 0, end: 6 }]),
      'this node does not compute for groups that you lead',
    ],
    [
      'that leader for the planned blocks only',
      'a',
      () => ({ end: 3 }),
      'this node does not compute for groups that you lead',
    ],
    [
      'that leader in the planned split only',
      'a',
      () => splitBlocks(config, profile, [3, 1]),
      'this node does not compute for groups that you lead',
    ],
    [
      'nobody while it leaves',
      'a',
      () => void groups.retire(new AbortController().signal),
      'this node is leaving',
    ],
  ])('%s', async (_, leader, change, sentence) => {
    expect(await ask(leader, change() ?? {})).toMatchObject({ type: 'group-failed', message: sentence })
    expect(memory.usedBytes()).toBe(0)
  })

  test('one group at a time, also when the plan names another one meanwhile', async () => {
    await ask('a')
    placements = [{ ...placement, peer: 'b' }]
    expect(await ask('b')).toMatchObject({
      type: 'group-failed',
      message: 'this node is a rank of another group',
    })
  })

  test('no group while it leads one', async () => {
    // This rank never answers, so that the group stays in forming.
    const silent = network.createTransport('c')
    silent.handle(protocols.group, () => undefined)
    members = [{ record: { peerId: 'c', addresses: silent.addresses() } } as unknown as Member]
    loads = false
    const led = groups.lead(
      { start: 0, end: 6, group: { ranks: ['c'], speeds } },
      { memory: createMemoryBudget(2 ** 30) },
    )
    led.catch(() => undefined)
    expect(await ask('a')).toMatchObject({ type: 'group-failed', message: 'this node leads a group itself' })
  })

  test('a group, and then it leads none', async () => {
    await ask('a')
    await expect(
      groups.lead(
        { start: 0, end: 6, group: { ranks: ['c'], speeds } },
        { memory: createMemoryBudget(2 ** 30) },
      ),
    ).rejects.toThrow('this node is in another group')
  })
})
