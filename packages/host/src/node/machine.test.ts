import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { formatBytes, parseByteSize } from './byte-size.ts'
import { coresInCpuinfo, machineIdentity, physicalCores } from './machine.ts'
import { availableMemoryBytes, darwinAvailableMemoryBytes, linuxAvailableMemoryBytes } from './memory.ts'

test.each([
  ['4GiB', 4 * 2 ** 30],
  ['512MB', 512e6],
  ['1.5g', 1.5 * 2 ** 30],
  ['2 kib', 2048],
  ['1048576', 1048576],
  [' 7B ', 7],
  ['1t', 2 ** 40],
])('size %j is %d bytes', (text, bytes) => expect(parseByteSize(text)).toBe(bytes))

test.each(['', '4 gallons', '-1g', '1e9', '0', '0.1b', 'g', '1.g', '.5g', '9999999tib', 'NaN', '٣g'])(
  'size %j is refused with an example',
  (text) => {
    expect(() => parseByteSize(text)).toThrow(/4GiB/)
  },
)

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.00 KiB'],
  [1.5 * 2 ** 30, '1.50 GiB'],
  [12.34 * 2 ** 20, '12.3 MiB'],
  [1023.9 * 1024, '1.00 MiB'],
  [999.6 * 1024, '1000 KiB'],
  [5 * 2 ** 50, '5120 TiB'],
])('%d bytes are %j', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

const gib = 2 ** 30
const meminfo = `MemTotal: 16777216 kB\nMemFree: 1048576 kB\nMemAvailable:    ${8 * 2 ** 20} kB\n`
test.each([
  ['no proc at all', {}, 3 * gib],
  ['no cgroup', { '/proc/meminfo': meminfo }, 8 * gib],
  [
    'version 2, the parent has the limit',
    {
      '/proc/meminfo': meminfo,
      '/proc/self/cgroup': '0::/a/b\n',
      '/sys/fs/cgroup/a/b/memory.max': 'max\n',
      '/sys/fs/cgroup/a/b/memory.current': '5\n',
      '/sys/fs/cgroup/a/memory.max': `${4 * gib}\n`,
      '/sys/fs/cgroup/a/memory.current': `${3 * gib}\n`,
      '/sys/fs/cgroup/a/memory.stat': `anon 5\ninactive_file ${gib}\n`,
    },
    2 * gib,
  ],
  [
    'version 1 in a container, whose path is not mounted',
    {
      '/proc/meminfo': meminfo,
      '/proc/self/cgroup': '5:cpu:/x\n4:hugetlb,memory:/docker/77\n0::/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${2 * gib}\n`,
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${1 * gib}\n`,
    },
    gib,
  ],
  [
    'version 1 without a limit',
    {
      '/proc/meminfo': meminfo,
      '/proc/self/cgroup': '4:memory:/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': '1000\n',
    },
    8 * gib,
  ],
  [
    'over the limit',
    {
      '/proc/meminfo': meminfo,
      '/proc/self/cgroup': '0::/\n',
      '/sys/fs/cgroup/memory.max': '100\n',
      '/sys/fs/cgroup/memory.current': '200\n',
    },
    0,
  ],
])('available memory: %s', (_name, files: Record<string, string>, bytes) => {
  expect(linuxAvailableMemoryBytes((path) => files[path] ?? null, 3 * gib)).toBe(bytes)
})

test('this machine has memory and at least one core', () => {
  expect(availableMemoryBytes()).toBeGreaterThan(2 ** 20)
  expect(physicalCores()).toBeGreaterThanOrEqual(1)
})

test('all processes on a machine get the same identity', () => {
  const other = execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { machineIdentity } from '${new URL('./machine.ts', import.meta.url).href}'; console.log(machineIdentity())`,
    ],
    { encoding: 'utf8' },
  )
  expect(other.trim()).toBe(machineIdentity())
  expect(machineIdentity()).not.toBe('')
})

const cpu = (socket: number, core: number): string =>
  `processor\t: 9\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`
test.each([
  ['two threads of one core', [cpu(0, 0), cpu(0, 0)], 1],
  ['two sockets', [cpu(0, 0), cpu(0, 1), cpu(1, 0), cpu(1, 1)], 4],
  ['ARM', ['processor\t: 0\nCPU part\t: 0xd0c\n'], null],
])('cores: %s', (_name, sections, count) => expect(coresInCpuinfo(sections.join('\n'))).toBe(count))

test('available memory of macOS counts pages that can be given away, and falls back to what is free', () => {
  const report = [
    'Mach Virtual Memory Statistics: (page size of 16384 bytes)',
    'Pages free:                               10000.',
    'Pages active:                            300000.',
    'Pages inactive:                          200000.',
    'Pages speculative:                         5000.',
    'Pages wired down:                        120000.',
  ].join('\n')
  expect(darwinAvailableMemoryBytes(report, 1)).toBe(215_000 * 16384)
  expect(darwinAvailableMemoryBytes('', 77)).toBe(77)
})
