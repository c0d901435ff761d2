import type { World } from '@shoal/membership/testing'
import type { Act } from './script.ts'

/** A cut link refuses, a stopped one is silent. */
type LinkState = 'open' | 'cut' | 'stop'

type Partition = Extract<Act, { type: 'partition' }>

interface Freeze {
  readonly sinceMs: number
  readonly untilMs: number
}

/** Which peers are frozen, which partition holds, and the states of all links that follow from both. */
export class ChurnLinks {
  readonly #world: World
  readonly #names: readonly string[]
  readonly #states = new Map<string, LinkState>()
  readonly #frozen = new Map<string, Freeze>()
  #partition: { readonly act: Partition; readonly untilMs: number } | null = null

  constructor(world: World, names: readonly string[]) {
    this.#world = world
    this.#names = names
  }

  get partitioned(): boolean {
    return this.#partition !== null
  }

  get frozen(): ReadonlyMap<string, Freeze> {
    return this.#frozen
  }

  state(a: string, b: string): LinkState {
    const act = this.#partition?.act
    const apart = act !== undefined && act.side.includes(a) !== act.side.includes(b)
    if (apart && act.kind === 'cut') return 'cut'
    return apart || this.#frozen.has(a) || this.#frozen.has(b) ? 'stop' : 'open'
  }

  freeze(name: string, durationMs: number): void {
    const nowMs = this.#world.clock.nowMs()
    this.#frozen.set(name, { sinceMs: nowMs, untilMs: nowMs + durationMs })
    this.#world.freeze(name)
    this.#apply()
  }

  thaw(name: string): void {
    this.#frozen.delete(name)
    this.#apply()
    this.#world.thaw(name)
  }

  /** A killed peer is no longer frozen. */
  forget(name: string): void {
    this.#frozen.delete(name)
    this.#apply()
  }

  part(act: Partition): void {
    this.#partition = { act, untilMs: this.#world.clock.nowMs() + act.durationMs }
    this.#apply()
  }

  /** Ends a partition whose time is over. */
  endPartition(): void {
    if (this.#partition === null || this.#partition.untilMs > this.#world.clock.nowMs()) return
    this.#partition = null
    this.#apply()
  }

  /** Ends the partition, and makes every link fast. The caller has thawed all peers. */
  calm(): void {
    this.#partition = null
    this.#apply()
    for (const [a, b] of this.#pairs()) this.#world.network.setLatency(a, b, 1)
  }

  /** Slows the links of one peer. */
  slow(name: string, latencyMs: number): void {
    for (const other of this.#names)
      if (other !== name) this.#world.network.setLatency(name, other, latencyMs)
  }

  #apply(): void {
    const { network } = this.#world
    for (const [a, b] of this.#pairs()) {
      const [state, before] = [this.state(a, b), this.#states.get(`${a} ${b}`) ?? 'open']
      if (state === before) continue
      this.#states.set(`${a} ${b}`, state)
      // A link goes from stopped to cut without healing between, which would deliver the frames that it holds.
      if (state === 'open') network.heal(a, b)
      if (state === 'cut') network.cut(a, b)
      if (state === 'stop') network.stop(a, b)
    }
  }

  #pairs(): [string, string][] {
    return this.#names.flatMap((a, index) =>
      this.#names.slice(index + 1).map((b): [string, string] => [a, b]),
    )
  }
}
