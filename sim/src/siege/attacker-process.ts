import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Target } from './attack.ts'
import type { Counted, Order } from './attacker.ts'
import { vitalSigns, type VitalSigns } from './vital-signs.ts'

/** A process that attacks a node when it is told to, from an address in another network than those of honest peers. */
export class AttackerProcess {
  readonly #child: ChildProcess

  /**
   * @param yields takes what processor time others leave, for a measurement: it stands for another machine, and must not take
   * this one's processors from the nodes. Of a processor that a node of usual priority wants as well it gets a 69th part.
   */
  constructor({ yields }: { readonly yields: boolean }) {
    this.#child = fork(fileURLToPath(new URL('attacker.ts', import.meta.url)))
    if (yields && this.#child.pid !== undefined) setPriority(this.#child.pid, constants.priority.PRIORITY_LOW)
  }

  /** What it has used and sent since its start; null when it has ended. */
  vitalSigns(): VitalSigns | null {
    return vitalSigns(this.#child.pid ?? 0)
  }

  /** @param attack its name; `all` for all at once */
  begin(attack: string, target: Target): void {
    this.#give({ order: 'begin', attack, target })
  }

  /** Uses this part of a processor and attacks nobody, until it is told to rest. */
  load(cpuShare: number): void {
    this.#give({ order: 'load', cpuShare })
  }

  /** What the attack under way has counted. */
  counts(): Promise<Counted['counts']> {
    return this.#ask({ order: 'count' })
  }

  /** Ends the attack under way. @returns what it has counted */
  rest(): Promise<Counted['counts']> {
    return this.#ask({ order: 'rest' })
  }

  async close(): Promise<void> {
    if (this.#hasEnded()) return
    const ended = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await ended
  }

  async #ask(order: Order): Promise<Counted['counts']> {
    if (this.#hasEnded()) throw new Error('the attacker has ended')
    const counted = once(this.#child, 'message') as Promise<[Counted]>
    const ended = once(this.#child, 'exit').then((): never => {
      throw new Error('the attacker has ended')
    })
    ended.catch(() => undefined) // It ends after its answer, when it is closed.
    this.#give(order)
    return (await Promise.race([counted, ended]))[0].counts
  }

  #give(order: Order): void {
    // Who waits for an answer is told of the end.
    this.#child.send(order, () => undefined)
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}
