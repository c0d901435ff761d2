import type { PeerStatus, SwarmStatus } from '@shoal/swarm'
import { describe, expect, test } from 'vitest'
import { disagreements, ghostsOf } from './agreement.ts'

function peer(name: string, incarnation: number, liveness: PeerStatus['liveness'], self = false): PeerStatus {
  return {
    peer: name,
    incarnation,
    liveness,
    self,
    state: 'serving',
    blocks: [0, 1],
    addresses: [],
    memoryBytes: 1,
    decodeMsPerBlock: 1,
    numericClass: 'x',
    version: 'x',
    rttMs: null,
    links: {},
    sessions: 0,
  }
}
function view(self: string, peers: readonly PeerStatus[], change: Partial<SwarmStatus> = {}): SwarmStatus {
  return {
    model: 'demo',
    manifest: 'm',
    profile: 'f32',
    blockCount: 1,
    peers: peers.map((one) => ({ ...one, self: one.peer === self })),
    coverage: [2],
    covered: true,
    snapshotHash: 'aaaaaaaa',
    planHash: 'bbbbbbbb',
    placements: [],
    ...change,
  }
}
const both = [peer('anna', 2, 'alive'), peer('bert', 5, 'alive')]
const views = (a: SwarmStatus, b: SwarmStatus): ReadonlyMap<string, SwarmStatus> =>
  new Map([
    ['node 1', a],
    ['node 2', b],
  ])
const well = view('anna', both)

describe('views of one swarm', () => {
  test('views that agree have no differences', () => {
    expect(disagreements(views(well, view('bert', both)))).toEqual([])
  })

  test('a view may remember dead peers as dead', () => {
    expect(disagreements(views(well, view('bert', [...both, peer('carl', 1, 'dead')])))).toEqual([])
  })

  test.each([
    ['a ghost', view('bert', [...both, peer('carl', 1, 'alive')]), /node 2 holds the ghost .*carl@1/],
    [
      'an old incarnation',
      view('bert', [peer('anna', 1, 'alive'), both[1]!]),
      /node 2 holds the ghost .*anna@1/,
    ],
    ['somebody missing', view('bert', [both[1]!]), /node 2 misses .*anna@2/],
    [
      'somebody only suspected',
      view('bert', [peer('anna', 2, 'suspect'), both[1]!]),
      /node 2 misses .*anna@2/,
    ],
    [
      'another snapshot',
      view('bert', both, { snapshotHash: 'cccccccc' }),
      /snapshotHash differs: node 1 aaaaaaaa, node 2 cccccccc/,
    ],
    ['another plan', view('bert', both, { planHash: 'cccccccc' }), /planHash differs/],
    [
      'uncovered blocks',
      view('bert', both, { covered: false, coverage: [0] }),
      /node 2 sees blocks without a holder: 0/,
    ],
    ['no record of itself', view('bert', [both[0]!]), /node 2 is no member yet/],
  ])('%s', (_name, other, expected) => {
    expect(disagreements(views(well, other)).join('; ')).toMatch(expected)
  })
})

test('a client counts as a view, and not as a member', () => {
  const client = (change: Partial<SwarmStatus> = {}): ReadonlyMap<string, SwarmStatus> =>
    new Map([['client', view('nobody', both, change)]])
  expect(disagreements(views(well, view('bert', both)), client())).toEqual([])
  expect(disagreements(views(well, view('bert', both)), client({ snapshotHash: 'dddddddd' })).join()).toMatch(
    /snapshotHash differs: .*client dddddddd/,
  )
})

test('an ended incarnation is a ghost only where it is held alive', () => {
  const ended = new Set(['anna@1', 'bert@4'])
  expect(ghostsOf(view('bert', [peer('anna', 1, 'alive'), peer('bert', 5, 'alive')]), ended)).toEqual([
    'anna@1',
  ])
  expect(ghostsOf(view('bert', [peer('anna', 1, 'dead'), peer('bert', 5, 'alive')]), ended)).toEqual([])
})
