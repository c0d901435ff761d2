import { formatBytes } from '@shoal/host/node'
import type { ComputeProvider } from '../swarm-port.ts'
import type { LogCount } from './log-counts.ts'
import type { Reach } from './reach.ts'

/** What a report of a problem needs to know of a machine. */
export interface ReportFacts {
  readonly version: string
  readonly node: string
  readonly system: string
  readonly processor: string
  readonly physicalCores: number
  readonly threads: number
  readonly memoryTotalBytes: number
  readonly memoryAvailableBytes: number
  readonly memoryBandwidthBytesPerSecond: number
  readonly reach: Reach
  /** Whether the library loads that connects through routers. */
  readonly punches: boolean
  readonly providers: readonly ComputeProvider[]
  readonly disk: {
    readonly freeBytes: number
    readonly writeBytesPerSecond: number
    readonly readBytesPerSecond: number
  }
  /** Names of the environment variables that Shoal reads and that are set. */
  readonly variables: readonly string[]
  /** Warnings and errors of the log. */
  readonly log: readonly LogCount[]
}

/**
 * A report that can be pasted in public: it is made of the facts above only. Addresses, peer ids, paths, names of the
 * machine and its user, and the values of variables are in none of them; of the log it has names and numbers of events.
 */
export function reportLines(facts: ReportFacts): string[] {
  const used = facts.providers.filter((provider) => provider.used).map(({ name }) => name)
  return [
    `shoal     ${facts.version} · Node ${facts.node} · ${facts.system}`,
    `machine   ${facts.processor} · ${facts.physicalCores} cores, ${facts.threads} for compute`,
    `memory    ${formatBytes(facts.memoryAvailableBytes)} available of ${formatBytes(facts.memoryTotalBytes)} · ${formatBytes(facts.memoryBandwidthBytesPerSecond)}/s`,
    `disk      ${formatBytes(facts.disk.freeBytes)} free · writes ${formatBytes(facts.disk.writeBytesPerSecond)}/s, reads ${formatBytes(facts.disk.readBytesPerSecond)}/s`,
    `network   reachable from: ${facts.reach} · connects through routers: ${facts.punches ? 'yes' : 'no'}`,
    `devices   ${used.join(', ')}`,
    `set       ${facts.variables.length === 0 ? 'no variable of Shoal' : facts.variables.join(', ')}`,
    ...(facts.log.length === 0
      ? ['log       no warning and no error']
      : facts.log.map(
          ({ level, event, code, count }, index) =>
            (index === 0 ? 'log' : '').padEnd(10) +
            `${level} ${event}${code === null ? '' : ` (${code})`} × ${count}`,
        )),
  ]
}

/** Variables that Shoal and its parts read. Their values can be secrets. */
const readVariable = /^(SHOAL_\w+|HF_\w+|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|HTTPS?_PROXY|NO_PROXY)$/i

export const variableNames = (environment: Readonly<Record<string, string | undefined>>): string[] =>
  Object.keys(environment)
    .filter((name) => readVariable.test(name))
    .toSorted()
