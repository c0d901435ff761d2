import { arch, cpus, platform, totalmem } from 'node:os'

/** Describes the machine of a measurement, without which a figure means nothing. */
export function describeMachine(): Record<string, unknown> {
  const processors = cpus()
  return {
    platform: `${platform()} ${arch()}`,
    processor: processors[0]?.model ?? 'unknown',
    logicalProcessors: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  }
}
