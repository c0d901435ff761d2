import type { Command } from 'commander'
import { messageOf, ShoalError, timeLimit } from '@shoal/host'
import type { AuditReport } from '@shoal/swarm'
import { inContext } from '../cli/context.ts'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { parseHostPort, type HostPort } from '../cli/parse.ts'
import { shortPeer } from '../cli/picture.ts'
import { ToldError } from '../cli/told-error.ts'
import { UsageError } from '../cli/usage-error.ts'
import { readUserFile } from '../cli/user-file.ts'
import { loadSwarm } from '../swarm-port.ts'

/** A node on this machine or in this network answers in milliseconds. */
const askTimeoutMs = 5000
const defaultApi = { host: '127.0.0.1', port: 8090 }

interface AuditFlags extends CommonFlags {
  readonly api?: HostPort
  readonly apiKey?: string
}

export function addAuditCommand(program: Command): void {
  const command = program
    .command('audit')
    .description(
      'show the receipts of a node’s sessions, its audits, and the evidence for which peers are banned',
    )
    .option('--api <HOST:PORT>', 'API of the node or of shoal serve (default: 127.0.0.1:8090)', parseHostPort)
    .option('--api-key <KEY>', 'key of that API')
  addCommonOptions(command).action(audit)
  command
    .command('verify')
    .description('check the evidence in a file that shoal audit --json has written, without a network')
    .argument('<FILE>', 'the file')
    // The options belong to `audit`, which takes them before and behind this word.
    .action((file: string, _none: object, verify: Command) => verifyFile(file, verify.optsWithGlobals()))
  addExamples(command, [
    'shoal audit                          # of the node or server that runs here with --api',
    'shoal audit --json > evidence.json',
    'shoal audit verify evidence.json     # exit status 1 when a piece of evidence convicts nobody',
  ])
}

async function audit(flags: AuditFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async (context) => {
    const { host, port } = flags.api ?? defaultApi
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/audit`
    const limit = timeLimit(
      context.clock,
      askTimeoutMs,
      () => new ShoalError('deadline-passed', `${url} does not answer`),
      context.signal,
    )
    let report: AuditReport
    try {
      const headers = flags.apiKey === undefined ? {} : { authorization: `Bearer ${flags.apiKey}` }
      const response = await fetch(url, { headers, signal: limit.signal })
      if (!response.ok) throw new ShoalError('not-ready', `${url} answered with status ${response.status}`)
      report = (await response.json()) as AuditReport
    } catch (error) {
      if (error instanceof ShoalError) throw error
      throw new ShoalError(
        'peer-vanished',
        `nobody answers at ${url}: give --api HOST:PORT of a node that runs with --api (${messageOf(error)})`,
        { cause: error },
      )
    } finally {
      limit.clear()
    }
    for (const line of auditLines(report)) context.output.line(line)
    context.output.result(report)
  })
}

/** A report for people. */
export function auditLines({ counts, bans, sessions, proven, evidence }: AuditReport): string[] {
  const { outcomes } = counts
  return [
    `${counts.sessions} sessions, ${counts.audits} audited: ${outcomes.right} right, ${outcomes.convicted} ended with a conviction, ${outcomes.undecided} undecided, ${outcomes['not-comparable']} not comparable`,
    ...sessions.map(({ session, receipts }) => {
      const peers = [...new Set(receipts.map(({ peer }) => shortPeer(peer)))].join(', ')
      return `  ${session}  ${receipts.length} receipts of ${peers === '' ? 'nobody' : peers}`
    }),
    ...(proven.length === 0 ? [] : [`proven: ${proven.map(shortPeer).join(', ')}`]),
    ...bans.map(({ peer, forMs }) => `banned: ${peer}, for ${Math.ceil(forMs / 60_000)} more minutes`),
    `${evidence.length} pieces of evidence${evidence.length === 0 ? '' : ': shoal audit --json writes them to a file for shoal audit verify'}`,
  ]
}

async function verifyFile(file: string, flags: CommonFlags): Promise<void> {
  const pieces = readEvidence(file)
  await inContext(flags, { logLevel: 'warn', logFile: false }, async ({ output }) => {
    const { checkEvidence, verifySignature } = await loadSwarm()
    const checked = await Promise.all(pieces.map((piece) => checkEvidence(piece, verifySignature)))
    for (const { kind, guilty, blocks, position, arbiters } of checked)
      output.line(
        guilty === null
          ? `proves nothing${kind === null ? ': it is no evidence' : ` (${kind})`}`
          : `${kind}: the results of ${guilty} for blocks ${blocks?.[0]} to ${(blocks?.[1] ?? 0) - 1} are wrong within the first ${position} positions${arbiters.length === 0 ? '' : `; arbiters ${arbiters.join(', ')}`}`,
      )
    output.result({ evidence: checked })
    if (checked.some(({ guilty }) => guilty === null))
      throw new ToldError('a piece of evidence proves nothing')
  })
}

/** @throws {UsageError} */
function readEvidence(file: string): string[] {
  try {
    const report: unknown = JSON.parse(readUserFile(file))
    const evidence =
      typeof report === 'object' && report !== null && 'evidence' in report ? report.evidence : null
    if (Array.isArray(evidence) && evidence.every((piece) => typeof piece === 'string')) return evidence
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`)
  }
  throw new UsageError(`${file} holds no evidence: give a file that shoal audit --json has written`)
}
