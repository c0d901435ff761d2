import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { arch, cpus, networkInterfaces, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { availableMemoryBytes, formatBytes, freeDiskBytes, makeFolder, physicalCores } from '@shoal/host/node'
import { inContext, threadsOf, type CommandContext } from '../cli/context.ts'
import {
  addCommonOptions,
  addExamples,
  addJoinOption,
  type CommonFlags,
  type JoinFlags,
} from '../cli/options.ts'
import type { Output } from '../cli/output.ts'
import { parseWhole } from '../cli/parse.ts'
import { pathLines } from '../cli/paths.ts'
import { withInvite } from '../cli/privacy.ts'
import { blocksOf1B, measureBlocks, type BlockSpeed } from '../doctor/block-speed.ts'
import { measureDisk, type DiskSpeed } from '../doctor/disk-speed.ts'
import { logCounts } from '../doctor/log-counts.ts'
import { lookAtPeers, pathsIn } from '../doctor/look-at-peers.ts'
import { memoryBandwidth } from '../doctor/memory-bandwidth.ts'
import { reachOf, type Reach } from '../doctor/reach.ts'
import { reportLines, variableNames, type ReportFacts } from '../doctor/report.ts'
import { version } from '../cli/version.ts'
import { loadSwarm, type ComputeProvider, type FoundRouter } from '../swarm-port.ts'

interface DoctorFlags extends CommonFlags, JoinFlags {
  readonly threads?: number
  readonly quick?: boolean
  readonly report?: boolean
}

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('measure what this machine can do: memory, disk, compute, network')
    .option('--threads <N>', 'compute threads (default: physical cores - 1)', parseWhole(1, 1024))
    .option('--quick', 'skip the timing of blocks, which takes half a minute')
    .option(
      '--report',
      'print a report that can be pasted in public, without addresses, paths and secrets: versions, machine, and the warnings and errors in the log of the data directory',
    )
  command.argument(
    '[CODE]',
    'an invite to a private swarm: also say how each of its peers is reached from here',
  )
  addJoinOption(command)
  addCommonOptions(command).action(doctor)
  addExamples(command, [
    'shoal doctor',
    'shoal doctor --json',
    'shoal doctor --quick',
    'shoal doctor --report',
    'shoal doctor --quick --join /ip4/192.168.1.5/tcp/4001/p2p/12D3…   # and how each peer is reached from here',
  ])
}

async function doctor(code: string | undefined, given: DoctorFlags): Promise<void> {
  const flags = withInvite(code, given)
  await inContext(flags, { logLevel: 'error', logFile: false }, async (context) => {
    const { output, dataFolder, clock, signal } = context
    const machine = await machineFacts(context, threadsOf(flags))
    if (flags.report !== true) showMachine(output, machine)
    // A swarm is asked only by name: the report says nothing of others.
    const peers =
      flags.join === undefined || flags.report === true ? null : await lookAtPeers(context, flags.join)
    if (peers !== null) for (const line of ['peers', ...pathLines(peers)]) output.line(line)
    makeFolder(dataFolder)
    // On the disk that will hold the weights, and without the lock: a node may run meanwhile, and slow this down.
    const folder = mkdtempSync(join(dataFolder, 'doctor-'))
    try {
      const disk = {
        freeBytes: freeDiskBytes(dataFolder),
        ...(await measureDisk(clock, join(folder, 'disk-speed'), signal)),
      }
      if (flags.report === true) {
        report(output, { ...machine, disk }, dataFolder)
        return
      }
      showDisk(output, disk, dataFolder)
      const blocks = flags.quick === true ? null : await measureBlocks(context, folder, machine.threads)
      if (blocks !== null) showBlocks(output, blocks, machine.threads)
      output.result({
        ...machine,
        dataFolder,
        disk,
        blocks,
        ...(peers !== null && { peers: pathsIn(peers) }),
      })
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    }
  })
}

/** `--report`: of the machine's facts it has those that {@link ReportFacts} names. */
function report(output: Output, machine: MachineFacts & Pick<ReportFacts, 'disk'>, dataFolder: string): void {
  const { addresses: _, punching, router: __, ...facts } = machine
  const log = join(dataFolder, 'shoal.log')
  const whole: ReportFacts = {
    ...facts,
    punches: punching === null,
    version,
    variables: variableNames(process.env),
    log: existsSync(log) ? logCounts(readFileSync(log, 'utf8')) : [],
  }
  for (const line of reportLines(whole)) output.line(line)
  output.result(whole)
}

interface MachineFacts {
  readonly node: string
  readonly system: string
  readonly processor: string
  readonly physicalCores: number
  readonly threads: number
  readonly memoryTotalBytes: number
  /** Least of what the system and the enclosing cgroups have left. */
  readonly memoryAvailableBytes: number
  readonly memoryBandwidthBytesPerSecond: number
  readonly addresses: readonly string[]
  readonly reach: Reach
  /** The router that nodes ask to forward a port; null when none answers, or none is needed. */
  readonly router: FoundRouter | null
  /** Why this machine cannot connect through routers, so that it stays on relays; null where it can. */
  readonly punching: string | null
  /** Execution providers of onnxruntime on this platform, and whether Shoal uses them. */
  readonly providers: readonly ComputeProvider[]
}

async function machineFacts({ clock, random }: CommandContext, threads: number): Promise<MachineFacts> {
  const { computeProviders, lookForRouter, whyNoPunching } = await loadSwarm()
  const addresses = Object.values(networkInterfaces()).flatMap((of = []) =>
    of.filter(({ internal }) => !internal).map(({ address }) => address),
  )
  return {
    node: process.versions.node,
    system: `${platform()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    physicalCores: physicalCores(),
    threads,
    memoryTotalBytes: totalmem(),
    memoryAvailableBytes: availableMemoryBytes(),
    memoryBandwidthBytesPerSecond: memoryBandwidth(clock),
    addresses,
    reach: reachOf(addresses),
    router: await lookForRouter(addresses, { clock, random }),
    punching: await whyNoPunching(),
    providers: computeProviders(),
  }
}

const reachText: Readonly<Record<Reach, string>> = {
  anywhere: 'from the internet too with --lan, unless a firewall or a NAT prevents it',
  lan: 'from this network with --lan; from outside only through a relay or a forwarded port',
  'this-machine': 'from this machine only: no other network interface is up',
}

function routerText({ router, reach }: MachineFacts): string {
  if (router !== null)
    return `the router answers ${router.protocol} at ${router.address}: nodes of private swarms that listen beyond this machine ask it to forward a port`
  return reach === 'lan'
    ? 'no router answers NAT-PMP or UPnP: no port is forwarded to nodes here'
    : 'no router is asked to forward a port'
}

function showMachine(output: Output, machine: MachineFacts): void {
  output.line(
    `machine   ${machine.processor}, ${machine.physicalCores} cores, ${machine.threads} for compute · ${machine.system} · Node ${machine.node}`,
  )
  output.line(
    `memory    ${formatBytes(machine.memoryAvailableBytes)} available of ${formatBytes(machine.memoryTotalBytes)} · ${formatBytes(machine.memoryBandwidthBytesPerSecond)}/s (one thread copying)`,
  )
  output.line(`network   ${machine.addresses.join(', ') || 'loopback only'}`)
  output.line(`          nodes can be dialled ${reachText[machine.reach]}`)
  output.line(`          ${routerText(machine)}`)
  output.line(
    machine.punching === null
      ? '          peers behind routers are reached through these, where both routers allow it'
      : `          peers behind routers are reached through relays only: ${machine.punching}`,
  )
  const others = machine.providers
    .filter(({ used }) => !used)
    .map(({ name, bundled }) => (bundled ? name : `${name} (needs its own libraries)`))
  output.line(
    `devices   ${machine.providers
      .filter(({ used }) => used)
      .map(({ name }) => name)
      .join(
        ', ',
      )}${others.length === 0 ? '' : ` · offered by onnxruntime, but not used by Shoal yet: ${others.join(', ')}`}`,
  )
}

function showDisk(
  output: Output,
  disk: DiskSpeed & { readonly freeBytes: number },
  dataFolder: string,
): void {
  output.line(
    `disk      ${formatBytes(disk.freeBytes)} free for ${dataFolder} · writes ${formatBytes(disk.writeBytesPerSecond)}/s, reads ${formatBytes(disk.readBytesPerSecond)}/s (data just written, perhaps still cached)`,
  )
}

function showBlocks(output: Output, blocks: readonly BlockSpeed[], threads: number): void {
  output.line(
    `compute   cpu · one block of a 1B model (hidden 2048), a token at a time, ${threads} thread${threads === 1 ? '' : 's'}:`,
  )
  for (const { weights, msPerBlock, numericClass, decode, prefill } of blocks) {
    const whole = 1000 / (msPerBlock * blocksOf1B)
    output.line(
      `          ${weights.padEnd(8)} ${msPerBlock.toFixed(2).padStart(7)} ms/block · all ${blocksOf1B} blocks on this machine: ${whole.toFixed(1)} tokens/s without the head · numeric class ${numericClass.slice(0, 12)}`,
    )
    output.line(
      `                   ms by positions in the KV cache: ${decode.map(({ past, ms }) => `${past}: ${ms.toFixed(2)}`).join(', ')} · ms for a row of a prompt by rows of a chunk: ${prefill.map(({ rows, msPerRow }) => `${rows}: ${msPerRow.toFixed(3)}`).join(', ')}`,
    )
  }
}
