import { orAborted, ShoalError, type Clock } from '@shoal/host'
import { tellToLeave } from './leave-message.ts'
import { startNodeProcess, type NodeEvent, type NodeProcess } from './node-process.ts'

/** A process that serves: what its line `ready` says, and how the swarm on this machine calls it. */
export interface ReadyNode {
  readonly name: string
  readonly peerId: string
  readonly addrs: readonly string[]
  readonly blocks: readonly [number, number] | null
  /** The node whose blocks it computes a share of; null for one that serves blocks. */
  readonly rankOf: string | null
  /** Process id of the operating system. */
  readonly pid: number
}

/** How a process is started, and started again. */
export interface NodeCommand {
  readonly name: string
  /** The leader of the group that `shoal rank` computes for; null for `shoal up`. */
  readonly rankOf: string | null
  /** Command line after `up --json` or `rank --json`. */
  readonly words: readonly string[]
}

interface Slot {
  readonly command: NodeCommand
  child: NodeProcess
  /** The caller asked for its end, so that the end is no failure. */
  ending: boolean
}

/** Grace period after SIGTERM; then SIGKILL. */
const leaveMs = 8000

/** The `shoal up` and `shoal rank` processes of one local swarm, each known by its name. */
export class LocalProcesses {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #onEvent: (node: string, event: NodeEvent) => void
  readonly #slots: Slot[] = []
  readonly #failure = Promise.withResolvers<never>()
  #closing = false

  /** @param signal ends the wait for a process that is starting */
  constructor(clock: Clock, signal: AbortSignal, onEvent: (node: string, event: NodeEvent) => void) {
    this.#clock = clock
    this.#signal = signal
    this.#onEvent = onEvent
    // A caller that never awaits `failure` must not crash with an unhandled rejection.
    this.#failure.promise.catch(() => undefined)
  }

  /** Rejects with `peer-vanished` when a process ends and nobody asked it to. */
  get failure(): Promise<never> {
    return this.#failure.promise
  }

  /** @throws {ShoalError} `internal` with the log of a process that ended before it served */
  start(command: NodeCommand): Promise<ReadyNode> {
    const slot: Slot = { command, child: this.#spawn(command, command.words), ending: false }
    this.#slots.push(slot)
    return this.#ready(slot)
  }

  /**
   * Sends a signal; an end that follows is no failure.
   * @throws {ShoalError} `not-found` when no process has this name
   */
  signal(name: string, kind: NodeJS.Signals): void {
    const slot = this.#slotOf(name)
    slot.ending ||= kind !== 'SIGSTOP' && kind !== 'SIGCONT'
    if (kind === 'SIGTERM') tellToLeave(slot.child.process)
    else slot.child.process.kill(kind)
  }

  /**
   * Ends the process if it still runs, and starts it again on its data directory.
   * @param peers addresses that a node which had created the swarm joins on its return
   */
  async restart(name: string, peers: readonly string[]): Promise<ReadyNode> {
    const slot = this.#slotOf(name)
    const { rankOf, words } = slot.command
    slot.ending = true
    await this.#end(slot)
    const joins = rankOf !== null || words.includes('--join')
    slot.child = this.#spawn(slot.command, [
      ...words,
      ...(joins ? [] : peers.flatMap((address) => ['--join', address])),
    ])
    slot.ending = false
    return await this.#ready(slot)
  }

  async close(): Promise<void> {
    this.#closing = true
    await Promise.all(this.#slots.map((slot) => this.#end(slot)))
  }

  #slotOf(name: string): Slot {
    const slot = this.#slots.find(({ command }) => command.name === name)
    if (slot !== undefined) return slot
    const names = this.#slots.map(({ command }) => command.name).join(', ')
    throw new ShoalError('not-found', `no node is called '${name}'; the nodes are: ${names}`)
  }

  #spawn({ name, rankOf }: NodeCommand, words: readonly string[]): NodeProcess {
    const child = startNodeProcess(words, { name, command: rankOf === null ? 'up' : 'rank' })
    child.onEvent((event) => this.#onEvent(name, event))
    child.ended.then(() => {
      const slot = this.#slots.find((one) => one.child === child)
      if (!this.#closing && slot?.ending === false)
        this.#failure.reject(new ShoalError('peer-vanished', `a node ended: ${child.obituary()}`))
    }, this.#failure.reject)
    return child
  }

  async #ready({ command: { name, rankOf }, child }: Slot): Promise<ReadyNode> {
    const { peerId, addrs, blocks } = await orAborted(child.ready, this.#signal)
    return { name, peerId, addrs, blocks, rankOf, pid: child.process.pid ?? 0 }
  }

  async #end({ child }: Slot): Promise<void> {
    // A stopped process receives SIGTERM only after SIGCONT. Windows has neither.
    if (process.platform !== 'win32') child.process.kill('SIGCONT')
    const timer = this.#clock.after(leaveMs, () => void child.process.kill('SIGKILL'))
    await child.stop()
    timer.cancel()
  }
}
