import { arch, cpus, platform, totalmem } from 'node:os'

/** The machine a figure was measured on: a figure without it says nothing. */
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
