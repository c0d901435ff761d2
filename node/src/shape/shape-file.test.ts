import { expect, test } from 'vitest'
import { chooseShape } from './choose-shape.ts'
import { leaderWords } from './group-shape.ts'
import { parseShape } from './shape-file.ts'
import { topologies } from './topologies.ts'

const home = JSON.stringify({
  nodes: [
    { name: 'desk', site: 'home', memory: '64MiB', threads: 2 },
    { name: 'pi', site: 'home', slowdown: 4, upMbps: 10 },
    { name: 'server', site: 'office' },
    { name: 'spare', site: 'office' },
  ],
  links: [
    { between: ['home', 'office'], rttMs: 20, mbps: 100 },
    { between: ['office', 'office'], rttMs: 0.2 },
    { between: ['server', 'pi'], lossPercent: 1 },
    { between: ['outside', 'home'], rttMs: 7 },
  ],
  default: { rttMs: 2, mbps: 300 },
})

test('a link is what the closest names say, in either order, and the default where nobody says anything', () => {
  const shape = parseShape(home, 'home.json')
  expect(shape.nodes[1]).toEqual({
    name: 'pi',
    memoryBytes: null,
    threads: null,
    slowdown: 4,
    upMbps: 10,
    downMbps: null,
    blocks: null,
    rankOf: null,
    speed: null,
  })
  expect(shape.nodes[0]?.memoryBytes).toBe(64 * 2 ** 20)
  expect(shape.link('desk', 'server')).toEqual({ rttMs: 20, mbps: 100, lossPercent: 0 })
  expect(shape.link('server', 'spare')).toEqual({ rttMs: 0.2, mbps: 300, lossPercent: 0 })
  expect(shape.link('pi', 'server')).toEqual({ rttMs: 2, mbps: 300, lossPercent: 1 })
  expect(shape.link('desk', 'pi')).toEqual({ rttMs: 2, mbps: 300, lossPercent: 0 })
  expect(shape.link('pi', 'outside')).toEqual({ rttMs: 7, mbps: 300, lossPercent: 0 })
  expect(shape.link('outside', 'spare')).toEqual({ rttMs: 2, mbps: 300, lossPercent: 0 })
})

test.each([
  ['no JSON', '{', /home.json is not JSON/],
  ['nothing', '{}', /nodes/],
  [
    'a misspelt field',
    '{"nodes":[{"name":"a"}],"links":[{"between":["a","outside"],"rtt":3}]}',
    /links\[0\].*rtt/,
  ],
  ['a negative delay', '{"nodes":[{"name":"a"}],"default":{"rttMs":-1}}', /default\.rttMs/],
  ['a link without bandwidth', '{"nodes":[{"name":"a"}],"default":{"mbps":0}}', /default\.mbps/],
  ['everything lost', '{"nodes":[{"name":"a"}],"default":{"lossPercent":100}}', /beyond half/],
  ['a double name', '{"nodes":[{"name":"a"},{"name":"a"}]}', /two nodes are called 'a'/],
  ['a name that is a site', '{"nodes":[{"name":"a","site":"b"},{"name":"b"}]}', /'b' is a node and a site/],
  ['a stranger', '{"nodes":[{"name":"a"}],"links":[{"between":["a","z"]}]}', /a link names 'z'/],
  ['a loop', '{"nodes":[{"name":"a"}],"links":[{"between":["a","a"]}]}', /the node 'a' to itself/],
  [
    'a rank of nobody',
    '{"nodes":[{"name":"a"},{"name":"b","rankOf":"z"}]}',
    /'b' is a rank of 'z', but no node has that name/,
  ],
  ['a rank of itself', '{"nodes":[{"name":"a"},{"name":"b","rankOf":"b"}]}', /'b' is a rank of itself/],
  [
    'a rank of a rank',
    '{"nodes":[{"name":"a"},{"name":"b","rankOf":"a"},{"name":"c","rankOf":"b"}]}',
    /'c' is a rank of 'b', which is itself a rank of 'a'/,
  ],
  [
    'ranks in a circle',
    '{"nodes":[{"name":"a","rankOf":"b"},{"name":"b","rankOf":"a"}]}',
    /'a' is a rank of 'b', which is itself a rank of 'a'/,
  ],
  [
    'a rank with blocks',
    '{"nodes":[{"name":"a"},{"name":"b","rankOf":"a","blocks":"0:3"}]}',
    /'b' is a rank of 'a' and must not have blocks of its own/,
  ],
  ['a speed without a group', '{"nodes":[{"name":"a","speed":2}]}', /'a' has a speed, but is in no group/],
  ['blocks that end before they begin', '{"nodes":[{"name":"a","blocks":"3:3"}]}', /nodes\[0\]\.blocks/],
  ['a path as a name', '{"nodes":[{"name":"../a"}]}', /nodes\[0\]\.name/],
])('refused: %s', (_name, text, sentence) => {
  expect(() => parseShape(text, 'home.json')).toThrow(sentence)
})

test.each(Object.keys(topologies))('%s is a shape for any number of nodes', (name) => {
  for (const count of [1, 2, 5, 32]) {
    const shape = chooseShape(name, count)
    expect(new Set(shape.nodes.map((node) => node.name)).size).toBe(count)
    for (const a of shape.nodes)
      for (const b of [...shape.nodes.map((node) => node.name), 'outside'])
        expect(shape.link(a.name, b).rttMs).toBeGreaterThan(0)
  }
})

test('two sites are near inside and far between', () => {
  const shape = chooseShape('two-sites', 4)
  const between = (a: string, b: string): number => shape.link(a, b).rttMs
  expect(shape.nodes.map(({ name }) => name)).toEqual(['north-1', 'south-2', 'north-3', 'south-4'])
  expect([
    between('north-1', 'north-3'),
    between('south-4', 'south-2'),
    between('south-2', 'north-1'),
    between('outside', 'north-1'),
    between('south-2', 'outside'),
  ]).toEqual([0.4, 0.4, 20, 0.4, 20])
})

test('a leader is told its blocks, its ranks and their speeds', () => {
  const { nodes } = parseShape(
    JSON.stringify({
      nodes: [
        { name: 'pi', rankOf: 'desk' },
        { name: 'desk', blocks: '0:8', speed: 3 },
        { name: 'far' },
        { name: 'shelf', rankOf: 'desk', speed: 2 },
        { name: 'other', rankOf: 'far' },
      ],
    }),
    'home.json',
  )
  const wordsOf = (name: string): string[] =>
    leaderWords(
      nodes,
      nodes.find((node) => node.name === name)!,
      (rank) => `/at/${rank.name}`,
    )
  expect(wordsOf('desk')).toEqual([
    '--blocks',
    '0:8',
    '--rank',
    '/at/pi',
    '--rank',
    '/at/shelf',
    '--split',
    '3,1,2',
  ])
  expect(wordsOf('far')).toEqual(['--rank', '/at/other'])
})
