import { expect, test } from 'vitest'
import { logCounts } from './log-counts.ts'
import { reportLines, variableNames, type ReportFacts } from './report.ts'

const line = (fields: object): string => `${JSON.stringify({ time: 1, ...fields })}\n`

test('of the log, warnings and errors are counted by name and code, and nothing else of them is kept', () => {
  const secret = '/srv/ada/key 12D3KooWNN61UZ9cdjfeSnkZ9vR2f8hHsYcBDQJaEomdLbhAsHm8 192.168.1.7'
  const log = [
    'cut": "line"}\n',
    line({ level: 'info', event: 'ready', addrs: [secret] }),
    line({ level: 'warn', event: 'stage-lost', code: 'peer-lost', peer: secret }),
    line({ level: 'warn', event: 'stage-lost', code: 'peer-lost', reason: secret }),
    line({ level: 'error', event: 'dashboard-look-failed', error: { message: secret, stack: secret } }),
    line({ level: 'error', event: secret }),
    line({ level: 'warn', event: 'refused', error: { code: secret } }),
    'null\n',
  ].join('')
  const counts = logCounts(log)
  expect(counts).toEqual([
    { level: 'warn', event: 'stage-lost', code: 'peer-lost', count: 2 },
    { level: 'error', event: 'dashboard-look-failed', code: null, count: 1 },
    { level: 'warn', event: 'refused', code: null, count: 1 },
  ])
})

test('of variables only the names are told', () => {
  expect(
    variableNames({ SHOAL_API_KEY: 'secret', HF_TOKEN: 'hf_x', HOME: '/srv/ada', PATH: '/bin' }),
  ).toEqual(['HF_TOKEN', 'SHOAL_API_KEY'])
})

test('a report is made of its facts', () => {
  const facts: ReportFacts = {
    version: '0.1.0',
    node: '24.0.0',
    system: 'linux 6.1 x64',
    processor: 'A processor',
    physicalCores: 4,
    threads: 3,
    memoryTotalBytes: 2 ** 33,
    memoryAvailableBytes: 2 ** 32,
    memoryBandwidthBytesPerSecond: 2 ** 33,
    reach: 'lan',
    punches: true,
    providers: [],
    disk: { freeBytes: 2 ** 34, writeBytesPerSecond: 2 ** 30, readBytesPerSecond: 2 ** 31 },
    variables: ['HF_TOKEN'],
    log: [
      { level: 'warn', event: 'stage-lost', code: 'peer-lost', count: 2 },
      { level: 'error', event: 'crashed', code: null, count: 1 },
    ],
  }
  expect(reportLines(facts)).toEqual([
    'shoal     0.1.0 · Node 24.0.0 · linux 6.1 x64',
    'machine   A processor · 4 cores, 3 for compute',
    'memory    4.00 GiB available of 8.00 GiB · 8.00 GiB/s',
    'disk      16.0 GiB free · writes 1.00 GiB/s, reads 2.00 GiB/s',
    'network   reachable from: lan · connects through routers: yes',
    'devices   ',
    'set       HF_TOKEN',
    'log       warn stage-lost (peer-lost) × 2',
    '          error crashed × 1',
  ])
})
