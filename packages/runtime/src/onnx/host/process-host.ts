import { fork, type ChildProcess } from 'node:child_process'
import { ShoalError, type Logger } from '@shoal/host'
import type { CallReply, CallRequest, ComputeSettings } from './compute-calls.ts'
import type { ComputeHost, ComputeHostListener } from './compute-host.ts'

/** What the process is sent: its settings first, then requests. */
export type ToComputeProcess = { readonly settings: ComputeSettings } | { readonly request: CallRequest }

/**
 * Runs the engine in a process of its own, so that native code which crashes ends that process and not the node. Rows are
 * copied through a pipe (docs/log.md has the cost). Ranks, whose sums go through shared memory, need the thread host.
 */
export function startProcessHost(
  settings: ComputeSettings,
  logger: Logger,
  listener: ComputeHostListener,
): ComputeHost {
  const child = fork(new URL('./process.ts', import.meta.url), [], {
    // Structured clones, as between threads; the default is JSON.
    serialization: 'advanced',
    // Options of the program that were meant for itself, such as a debugger's port.
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  logger.info('compute-process-started', { pid: child.pid ?? null })
  const send = (message: ToComputeProcess): void => {
    child.send(message, (error) => {
      // The end of the process is reported with its reason.
      if (error !== null) logger.debug('compute-process-unreachable', { reason: error.message })
    })
  }
  const exited = endOf(child).then((how) => {
    listener.ended(new ShoalError('not-ready', `the compute process ${how}`))
  })
  child.on('message', (reply: CallReply) => listener.replied(withOwnMemory(reply)))
  send({ settings })
  return { sharesMemory: false, post: (request) => send({ request }), exited }
}

/** Resolves with how the process ended, once its last replies have been read. */
function endOf(child: ChildProcess): Promise<string> {
  const read = new Promise<void>((resolve) => void child.once('disconnect', resolve))
  const failed = new Promise<string>((resolve) => {
    child.once('error', (cause) => resolve(`failed: ${cause.message}`))
  })
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (status, signal) =>
      resolve(signal === null ? `has ended with status ${status}` : `was ended by ${signal}`),
    )
  })
  return Promise.race([failed, Promise.all([exited, read]).then(([how]) => how)])
}

/** Arrays of a message are views of the pipe's buffers, which are larger and shared: what is kept must be a copy. */
function withOwnMemory(reply: CallReply): CallReply {
  if (!('result' in reply) || reply.result === null) return reply
  const entries = Object.entries(reply.result).map(([key, value]: [string, unknown]) => [
    key,
    value instanceof Float32Array ? value.slice() : value,
  ])
  return { id: reply.id, result: Object.fromEntries(entries) as typeof reply.result }
}
