import { arch, cpus, networkInterfaces, platform, release } from 'node:os'
import type { Command } from 'commander'
import type { Clock } from '@shoal/host'
import { availableMemoryBytes, formatBytes, freeDiskBytes, physicalCores } from '@shoal/host/node'
import { inContext, threadsOf, type CommandContext } from '../cli/context.ts'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { parseWhole } from '../cli/parse.ts'
import { loadSwarm } from '../swarm-port.ts'

export function addDoctorCommand(program: Command): void {
  const command = program.command('doctor').description('what this machine can do').option('--threads <N>', 'compute threads', parseWhole(1, 1024))
  addCommonOptions(command).action(doctor)
  addExamples(command, ['shoal doctor', 'shoal doctor --json'])
}

async function doctor(flags: CommonFlags & { readonly threads?: number }): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async (context) => {
    const threads = threadsOf(flags)
    const facts = {
      node: process.versions.node,
      system: `${platform()} ${release()} ${arch()}`,
      processor: cpus()[0]?.model ?? 'unknown',
      physicalCores: physicalCores(),
      threads,
      memoryAvailableBytes: availableMemoryBytes(),
      memoryBandwidthBytesPerSecond: memoryBandwidth(context.clock),
      diskFreeBytes: freeDiskBytes(context.dataFolder),
      dataFolder: context.dataFolder,
      addresses: lanAddresses(),
      providers: ['cpu'],
      demo: await measureDemo(context, threads),
    }
    const { output } = context
    output.line(`${facts.processor}, ${facts.physicalCores} cores, ${facts.threads} for compute · ${facts.system} · Node ${facts.node}`)
    output.line(`memory: ${formatBytes(facts.memoryAvailableBytes)} available, ${formatBytes(facts.memoryBandwidthBytesPerSecond)}/s (one thread copying)`)
    output.line(`disk: ${formatBytes(facts.diskFreeBytes)} free for ${facts.dataFolder}`)
    output.line(`compute: ${facts.providers.join(', ')} · demo model ${facts.demo.tokensPerSecond.toFixed(0)} tokens/s (${facts.demo.msPerBlock.toFixed(3)} ms/block, head included)`)
    output.line(`network: ${facts.addresses.join(', ') || 'loopback only'} · NAT is not examined yet`)
    output.result(facts)
  })
}

/** Bytes that leave the caches behind: four times the largest common one. */
const copiedBytes = 256 * 2 ** 20

/** Bytes read and written per second by a plain copy; a decode step reads every weight once, so this bounds it. */
function memoryBandwidth(clock: Clock): number {
  const source = new Uint8Array(copiedBytes).fill(1)
  const target = new Uint8Array(copiedBytes)
  target.set(source) // the first copy pays for the pages
  const startMs = clock.nowMs()
  target.set(source)
  return Math.round((2 * copiedBytes) / ((clock.nowMs() - startMs) / 1000))
}

function lanAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.filter(({ internal }) => !internal).map(({ address }) => address))
}

/** Decodes with the embedded model: the whole path, from packing to sampling, works here or says why not. */
async function measureDemo(context: CommandContext, threads: number): Promise<{ tokensPerSecond: number; msPerBlock: number }> {
  const swarm = await loadSwarm()
  const engine = await swarm.openLocalEngine(context, { model: 'demo', dataFolder: context.dataFolder, threads, onProgress: () => undefined, signal: context.signal })
  try {
    const sampling = { ...engine.defaultSampling, temperature: 0 }
    for await (const event of engine.generate({ promptIds: [0, 1, 2, 3], maxTokens: 64, sampling, ignoreEos: true, signal: context.signal })) {
      if (event.type !== 'done') continue
      const { tokensPerSecond } = event.result
      return { tokensPerSecond, msPerBlock: 1000 / tokensPerSecond / engine.manifest.manifest.config.blockCount }
    }
    return { tokensPerSecond: 0, msPerBlock: 0 }
  } finally {
    await engine.close()
  }
}
