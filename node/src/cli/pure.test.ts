import { expect, test } from 'vitest'
import type { GenerateResult, PeerStatus, SwarmStatus } from '@shoal/swarm'
import { joinCommand, localJoinCommand } from './join-command.ts'
import { leastThat } from './memory-plan.ts'
import { parseBlocks, parseHostPort, parseSpeeds, parseTokenIds } from './parse.ts'
import { answerFigures, blockBar, routeText, swarmPicture } from './picture.ts'
import { samplingFrom } from './sampling.ts'

test.each([
  ['8090', { host: '127.0.0.1', port: 8090 }],
  [':8090', { host: '127.0.0.1', port: 8090 }],
  ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  ['my-host.local:1', { host: 'my-host.local', port: 1 }],
])('--api %s', (text, expected) => expect(parseHostPort(text)).toEqual(expected))

test('--split is parsed into speeds of ranks', () => {
  expect(parseSpeeds('2,1, 0.5')).toEqual([2, 1, 0.5])
  for (const value of ['', '2,', '1,-1', '1,0', 'a', '1;2'])
    expect(() => parseSpeeds(value)).toThrow('positive numbers with commas')
})

test('block ranges and token ids are parsed', () => {
  expect(parseBlocks('0:4')).toEqual([0, 4])
  expect(parseTokenIds('1, 302,7')).toEqual([1, 302, 7])
})

test.each([
  [6, [0, 2], '██░░░░'],
  [1, [0, 1], '█'],
  [80, [0, 40], `${'█'.repeat(20)}${'░'.repeat(20)}`],
  // A cell of two blocks is full only when both are held.
  [80, [1, 4], `░█${'░'.repeat(38)}`],
])('a bar of %d blocks holding %j', (count, [start = 0, end = 0], bar) => {
  expect(blockBar(count, (block) => block >= start && block < end)).toBe(bar)
})

const peer = (name: string, fields: Partial<PeerStatus>): PeerStatus => ({
  peer: `12D3KooW${name}`,
  incarnation: 1,
  state: 'serving',
  liveness: 'alive',
  blocks: null,
  addresses: [],
  memoryBytes: 2 ** 30,
  decodeMsPerBlock: 1,
  numericClass: 'c',
  version: '0.1.0',
  rttMs: null,
  links: {},
  sessions: 0,
  self: false,
  ...fields,
})

test('the picture shows peers in the order of their blocks and names what is missing', () => {
  const status: SwarmStatus = {
    model: 'demo',
    manifest: 'abcdef0123456789',
    profile: 'f32',
    blockCount: 4,
    peers: [
      peer('aaaaaaa', { blocks: [2, 3] }),
      peer('bbbbbbb', { blocks: [0, 2], self: true }),
      peer('ccccccc', {}),
    ],
    coverage: [1, 1, 1, 0],
    covered: false,
    snapshotHash: 's',
    planHash: 'p',
    placements: [],
  }
  const lines = swarmPicture(status)
  expect(lines.map((line) => /[a-c]{7}/.exec(line)?.[0] ?? '-')).toEqual([
    '-',
    'bbbbbbb',
    'aaaaaaa',
    'ccccccc',
    '-',
  ])
  expect(lines[1]).toMatch(/blocks 0–1 .* this peer/)
  expect(lines.at(-1)).toMatch(/nobody holds block 3$/)
})

test('the picture counts the peers that have the weights, and says which peer cannot load its blocks', () => {
  const peers = [
    peer('aaaaaaa', { blocks: [0, 2] }),
    peer('bbbbbbb', { problem: 'blocks 2 to 3 cannot be loaded: the disk is full\u001b[2J' }),
  ]
  const status: SwarmStatus = {
    model: 'tiny',
    manifest: 'abcdef0123456789',
    profile: 'f32',
    blockCount: 2,
    peers,
    coverage: [1, 1],
    covered: true,
    copies: { embedding: 1, blocks: [2, 1], head: 2 },
    snapshotHash: 's',
    planHash: 'p',
    placements: [],
  }
  const lines = swarmPicture(status)
  expect(lines.at(-2)).toMatch(
    /weights {3}only one peer has those of the embedding, block 1; they are lost with it/,
  )
  expect(lines.at(-1)).toMatch(/bbbbbbb says: blocks 2 to 3 cannot be loaded: the disk is full\\u001b\[2J/)
  const safe = { ...status, peers: [peers[0]!, peer('ccccccc', {})] }
  expect(swarmPicture({ ...safe, copies: { embedding: 3, blocks: [2, 2], head: 2 } }).at(-1)).toBe(
    '  weights   all weights are on the disks of at least 2 peers',
  )
  expect(swarmPicture({ ...safe, peers: [peers[0]!] }).at(-1)).toMatch(/every block is held$/)
  // The demo model comes with the program, so nothing of it can be lost with a peer.
  expect(swarmPicture({ ...safe, model: 'demo' }).at(-1)).toMatch(/every block is held$/)
})

test('the picture names the leader and the ranks of a group', () => {
  const peers = [
    peer('aaaaaaa', { blocks: [0, 2], group: { ranks: ['12D3KooWbbbbbbb'], speeds: [16, 16] } }),
    peer('bbbbbbb', {}),
    peer('ccccccc', {}),
  ]
  const lines = swarmPicture({
    model: 'demo',
    manifest: 'abcdef0123456789',
    profile: 'f32',
    blockCount: 2,
    peers,
    coverage: [1, 1],
    covered: true,
    snapshotHash: 's',
    planHash: 'p',
    placements: [],
  })
  expect(
    lines.slice(1, 4).map((line) => /blocks 0–1 · leads …bbbbbbb|rank of …aaaaaaa|asks only/.exec(line)?.[0]),
  ).toEqual(['blocks 0–1 · leads …bbbbbbb', 'rank of …aaaaaaa', 'asks only'])
})

test('a route reads from left to right', () => {
  expect(
    routeText([
      { peer: 'local', start: 0, end: 2 },
      { peer: '12D3KooWabcdefg', start: 2, end: 4 },
    ]),
  ).toBe('local [0, 2) → …abcdefg [2, 4)')
})

test('the join command has the address that other machines can reach', () => {
  expect(joinCommand(['/ip4/127.0.0.1/tcp/1/p2p/x', '/ip4/192.168.1.5/tcp/1/p2p/x'])).toBe(
    'npx shoal up --join /ip4/192.168.1.5/tcp/1/p2p/x',
  )
  expect(joinCommand(['/ip4/127.0.0.1/tcp/1/p2p/x'])).toBe(null)
})

test('the join command for the same machine has a loopback address and a data directory of its own', () => {
  const addresses = ['/ip4/192.168.1.5/tcp/1/p2p/x', '/ip4/127.0.0.1/tcp/1/p2p/x']
  expect(localJoinCommand(addresses, '/data/shoal')).toBe(
    'npx shoal up --join /ip4/127.0.0.1/tcp/1/p2p/x --data /data/shoal-2',
  )
  expect(localJoinCommand(addresses, '/my data/shoal')).toMatch(/ --data "\/my data\/shoal-2"$/)
  expect(localJoinCommand(addresses, null)).toBe('npx shoal up --join /ip4/127.0.0.1/tcp/1/p2p/x')
})

test.each([1, 2, 3, 1000, 1025, 6_886_400])('the least number from %d on is found', (limit) => {
  expect(leastThat((value) => value >= limit)).toBe(limit)
})

test("sampling options that the user leaves out are the model's", () => {
  const defaults = { temperature: 0.7, topK: 40, topP: 0.9, repetitionPenalty: 1.1, seed: 0 }
  expect(samplingFrom({ maxTokens: 1, temperature: 0, seed: 0 }, defaults, 5)).toEqual({
    ...defaults,
    temperature: 0,
  })
  expect(samplingFrom({ maxTokens: 1, topP: 0.5, topK: 1 }, defaults, 5)).toEqual({
    ...defaults,
    topP: 0.5,
    topK: 1,
    seed: 5,
  })
})

test('the line below an answer has its figures, and names peers and losses only where there are any', () => {
  const result = {
    text: '',
    tokenIds: [1],
    finishReason: 'stop',
    promptTokens: 3,
    completionTokens: 137,
    ttftMs: 86.7,
    tokensPerSecond: 180.46,
    route: [{ peer: 'a', start: 0, end: 6, ranks: 1 }],
    failovers: 0,
    moves: 0,
    continuity: 'identical',
    drafted: 0,
    accepted: 0,
  } as unknown as GenerateResult
  expect(answerFigures(result)).toBe('137 tokens · 180.5 tokens/s · first token after 87 ms')
  const split = {
    ...result,
    completionTokens: 1,
    failovers: 1,
    route: [...result.route, { ...result.route[0]!, peer: 'b' }],
  }
  expect(answerFigures(split)).toBe(
    '1 token · 180.5 tokens/s · first token after 87 ms · 2 peers · 1 lost peer replaced',
  )
})
