import { join } from 'node:path'
import {
  systemClock,
  systemRandom,
  createFileLogger,
  dataDirectory,
  physicalCores,
  watchAncestors,
} from '@shoal/host/node'
import { ShoalError, type LogLevel } from '@shoal/host'
import type { SwarmDependencies } from '../swarm-port.ts'
import type { CommonFlags } from './options.ts'
import { createOutput, type Output } from './output.ts'
import { watchUnhandledErrors } from './unhandled-errors.ts'

/** Everything that a command gets: output, dependencies, and the signal that ends it. */
export interface CommandContext extends SwarmDependencies {
  readonly output: Output
  readonly dataFolder: string
  /** Aborts at the first SIGINT or SIGTERM; a second one ends the process at once. */
  readonly signal: AbortSignal
  /** Aborts `signal`, as an interrupt by the user would. */
  readonly stop: () => void
}

export interface ContextOptions {
  /** Default of `--log-level`: long-running programs log more than those that answer once. */
  readonly logLevel: LogLevel
  /** Keep a log file in the data directory. */
  readonly logFile: boolean
  /** What happens when the reader of standard output has gone: leave in order, or end at once as filters do (default). */
  readonly onReaderGone?: 'leave' | 'end'
}

const interrupted = (cause?: unknown): ShoalError => new ShoalError('cancelled', 'interrupted', { cause })

/** Runs a command with its context and cleans up however it ends. */
export async function inContext(
  flags: CommonFlags,
  options: ContextOptions,
  action: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const dataFolder = dataDirectory(flags.data)
  const logger = createFileLogger({
    level: flags.logLevel ?? options.logLevel,
    stderr: true,
    ...(options.logFile && { file: join(dataFolder, 'shoal.log') }),
  })
  const interrupt = new AbortController()
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(1)
    interrupt.abort(interrupted())
  }
  // Under npm the parents are npm and a shell: killing npm alone would leave this process and its children running.
  if (process.env['npm_lifecycle_event'] !== undefined) watchAncestors(2, { onParentGone: onSignal })
  const onOutputError = ({ code }: NodeJS.ErrnoException): void => {
    if (code !== 'EPIPE') return
    if (options.onReaderGone !== 'leave') process.exit(0)
    if (!interrupt.signal.aborted) interrupt.abort(new ShoalError('cancelled', 'nobody reads the output'))
  }
  process.stdout.on('error', onOutputError)
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const unhandled = watchUnhandledErrors(
    process,
    logger,
    (error) => interrupt.abort(error),
    () => process.exit(1),
  )
  try {
    await action({
      clock: systemClock,
      random: systemRandom,
      logger,
      output: createOutput(flags.json ?? false, process.stdout),
      dataFolder,
      signal: interrupt.signal,
      stop: onSignal,
    })
    if (unhandled.first !== null) throw unhandled.first
  } catch (error) {
    if (unhandled.first !== null) throw unhandled.first
    // Layers word a cancellation differently. The user, who caused it, gets one message.
    const cancelled = error instanceof ShoalError && error.code === 'cancelled'
    throw interrupt.signal.aborted && cancelled ? interrupted(error) : error
  } finally {
    process.stdout.off('error', onOutputError)
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    unhandled.stopWatching()
    await logger.close()
  }
}

/** `--threads`; by default one core stays free for the network and the user. */
export function threadsOf(flags: { threads?: number }): number {
  return flags.threads ?? Math.max(1, physicalCores() - 1)
}
