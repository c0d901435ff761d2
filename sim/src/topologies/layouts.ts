import type { Layout, MachinePlan } from './layout.ts'
import type { Site } from './namespaces.ts'

const founds = ['--model', 'demo', '--private']
const blocks = (range: string): readonly string[] => ['--blocks', range]
const cone = (address: string): Site & { readonly address: string } => ({ address, translation: 'cone' })

/** Two machines that nobody can dial and that hold the whole model between them, and a rented one that relays. */
const hiddenHalves = (first: string, second: string): readonly MachinePlan[] => [
  {
    name: 'rented',
    at: '5.5.5.1',
    words: [...founds, '--listen', '/ip4/5.5.5.1/tcp/4001', ...blocks('0:1')],
  },
  { name: 'a', at: first, words: blocks('0:3') },
  { name: 'b', at: second, words: [...blocks('3:6'), '--slowdown', '8'] },
]

const second: MachinePlan = {
  name: 'second',
  at: '5.5.5.2',
  words: ['--listen', '/ip4/5.5.5.2/tcp/4001', ...blocks('0:1')],
}

/** A client in one home, the blocks in another one, and two rented machines that relay. */
function guestLayout(
  name: string,
  translation: Site['translation'],
  happens: Pick<Layout, 'killed' | 'cut'>,
): Layout {
  const path = translation === 'cone' ? 'punched' : 'relayed'
  const what = [
    ...(happens.killed === undefined ? [] : ['the relay in use is killed']),
    ...(happens.cut === undefined ? [] : ['its router drops UDP']),
  ]
  return {
    name,
    about: `a client behind a ${translation === 'cone' ? 'home router' : 'symmetric (carrier) NAT'} and a node in another home; in an answer ${what.join(' and ')}`,
    sites: { home: { address: '5.5.5.10', translation }, other: cone('5.5.5.20') },
    machines: [
      {
        name: 'rented',
        at: '5.5.5.1',
        words: [...founds, '--listen', '/ip4/5.5.5.1/tcp/4001', ...blocks('0:1')],
      },
      { name: 'b', at: 'other', words: [...blocks('0:6'), '--slowdown', '8'] },
      second,
    ],
    asker: 'b',
    relayed: [],
    spare: 'second',
    guest: {
      at: 'home',
      to: 'b',
      path,
      pathAfter: happens.cut === undefined ? path : 'relayed',
      mustFail: path === 'relayed' || happens.cut !== undefined,
    },
    ...happens,
  }
}

export const layouts: readonly Layout[] = [
  {
    name: 'lan',
    about: 'three machines of one home',
    sites: { home: cone('5.5.5.10') },
    machines: [
      { name: 'a', at: 'home', words: [...founds, '--lan', ...blocks('0:2')] },
      { name: 'b', at: 'home', words: ['--lan', ...blocks('2:4')] },
      { name: 'c', at: 'home', words: ['--lan', ...blocks('4:6')] },
    ],
    asker: 'a',
    relayed: [],
  },
  {
    name: 'two-homes',
    about:
      'two homes behind masquerade NAT and two rented machines, of which the one that relays is killed in an answer',
    sites: { home: cone('5.5.5.10'), other: cone('5.5.5.20') },
    machines: [...hiddenHalves('home', 'other'), second],
    asker: 'a',
    relayed: [],
    punched: [['a', 'b']],
    killed: 'rented',
    spare: 'second',
  },
  {
    name: 'homes',
    about: 'two homes and a rented machine, to which nothing happens',
    sites: { home: cone('5.5.5.10'), other: cone('5.5.5.20') },
    machines: hiddenHalves('home', 'other'),
    asker: 'a',
    relayed: [],
    punched: [['a', 'b']],
  },
  {
    name: 'cut',
    about:
      'two homes and a rented machine; in an answer a router lets through nothing of what the two homes send each other',
    sites: { home: cone('5.5.5.10'), other: cone('5.5.5.20') },
    machines: hiddenHalves('home', 'other'),
    asker: 'a',
    relayed: [],
    punched: [['a', 'b']],
    cut: 'home',
  },
  {
    name: 'both',
    about:
      'two homes and two rented machines; in an answer the relay in use is killed and a router drops UDP',
    sites: { home: cone('5.5.5.10'), other: cone('5.5.5.20') },
    machines: [...hiddenHalves('home', 'other'), second],
    asker: 'a',
    relayed: [],
    punched: [['a', 'b']],
    killed: 'rented',
    cut: 'home',
    spare: 'second',
  },
  {
    name: 'page',
    about:
      'a page of a browser in a home, a reachable machine that it asks, and blocks on a node of another home',
    sites: { home: cone('5.5.5.10'), other: cone('5.5.5.20') },
    machines: [
      {
        name: 'rented',
        at: '5.5.5.1',
        words: [...founds, '--listen', '/ip4/5.5.5.1/tcp/4001', ...blocks('0:1')],
      },
      { name: 'b', at: 'other', words: blocks('1:6') },
    ],
    asker: 'b',
    relayed: [],
    page: 'home',
  },
  guestLayout('guest-relay', 'cone', { killed: 'rented' }),
  guestLayout('guest-cut', 'cone', { cut: 'home' }),
  guestLayout('guest-both', 'cone', { killed: 'rented', cut: 'home' }),
  guestLayout('guest-carrier', 'symmetric', { killed: 'rented' }),
  {
    name: 'moved',
    about:
      'two homes and a rented machine; a stage gets another address in an answer, and once more while it sleeps',
    sites: { home: cone('5.5.5.10'), other: cone('5.5.5.20') },
    machines: [
      {
        name: 'rented',
        at: '5.5.5.1',
        words: [...founds, '--listen', '/ip4/5.5.5.1/tcp/4001', ...blocks('0:2')],
      },
      { name: 'a', at: 'home', words: blocks('2:4') },
      { name: 'b', at: 'other', words: [...blocks('4:6'), '--slowdown', '8'] },
    ],
    asker: 'a',
    relayed: [],
    punched: [['a', 'b']],
    moved: 'b',
  },
  {
    name: 'carrier',
    about:
      'a home, a symmetric (carrier) NAT and two rented machines, of which the one that relays is killed in an answer',
    sites: { home: cone('5.5.5.10'), carrier: { address: '5.5.5.20', translation: 'symmetric' } },
    machines: [...hiddenHalves('home', 'carrier'), second],
    asker: 'a',
    relayed: [['a', 'b']],
    killed: 'rented',
    spare: 'second',
  },
  {
    name: 'walled',
    about: 'a rented machine, one whose firewall lets nobody in, and a home',
    sites: { home: cone('5.5.5.10') },
    machines: [
      {
        name: 'rented',
        at: '5.5.5.1',
        words: [...founds, '--listen', '/ip4/5.5.5.1/tcp/4001', ...blocks('0:2')],
      },
      {
        name: 'a',
        at: '5.5.5.2',
        walled: true,
        words: ['--listen', '/ip4/5.5.5.2/tcp/4001', ...blocks('2:4')],
      },
      { name: 'b', at: 'home', words: blocks('4:6') },
    ],
    asker: 'b',
    relayed: [],
    punched: [['a', 'b']],
    undialled: 'a',
  },
  {
    name: 'ipv6',
    about: 'three machines that have IPv6 only',
    sites: {},
    machines: [
      { name: 'a', at: '2a05:5:5:5::1', words: [...founds, '--listen', '/ip6/::/tcp/0', ...blocks('0:2')] },
      { name: 'b', at: '2a05:5:5:5::2', words: ['--listen', '/ip6/::/tcp/0', ...blocks('2:4')] },
      { name: 'c', at: '2a05:5:5:5::3', words: ['--listen', '/ip6/::/tcp/0', ...blocks('4:6')] },
    ],
    asker: 'b',
    api: '[::1]:0',
    relayed: [],
  },
  {
    name: 'mapped-port',
    about: 'a home with a machine to which the router maps a port, a second machine there, and another home',
    sites: { home: { ...cone('5.5.5.10'), mappedPort: 4001 }, other: cone('5.5.5.20') },
    machines: [
      {
        name: 'a',
        at: 'home',
        words: [
          ...founds,
          '--listen',
          '/ip4/0.0.0.0/tcp/4001',
          '--announce',
          '/ip4/5.5.5.10/tcp/4001',
          ...blocks('0:2'),
        ],
      },
      { name: 'b', at: 'other', words: blocks('2:4') },
      { name: 'c', at: 'home', words: blocks('4:6') },
    ],
    asker: 'b',
    relayed: [['b', 'c']],
  },
  {
    name: 'asked-port',
    about:
      'a home whose router forwards a port to a machine when that asks, and another home; nobody relays from outside',
    sites: { home: { ...cone('5.5.5.10'), obeys: true }, other: cone('5.5.5.20') },
    machines: [
      { name: 'a', at: 'home', words: [...founds, '--listen', '/ip4/0.0.0.0/tcp/4001', ...blocks('0:3')] },
      { name: 'b', at: 'other', words: blocks('3:6') },
    ],
    asker: 'b',
    relayed: [],
  },
  {
    name: 'idle',
    about: 'five machines of one home of which nothing is asked',
    sites: { home: cone('5.5.5.10') },
    machines: [
      { name: 'a', at: 'home', words: [...founds, '--lan', ...blocks('0:2')] },
      { name: 'b', at: 'home', words: ['--lan', ...blocks('2:4')] },
      { name: 'c', at: 'home', words: ['--lan', ...blocks('4:6')] },
      { name: 'd', at: 'home', words: ['--lan', ...blocks('0:3')] },
      { name: 'e', at: 'home', words: ['--lan', ...blocks('3:6')] },
    ],
    asker: 'a',
    relayed: [],
    idle: true,
  },
]
