import { seededRandom } from '@shoal/host'
import { createWorld, type Inhabitant, type World } from '@shoal/membership/testing'
import type { Transport } from '@shoal/network'
import { adopt } from './adopt.ts'
import { maliceOf, type MaliceKind } from './hostile/cast.ts'
import { Puppet } from './hostile/puppet.ts'
import { hardwareOf, roomyHardwareOf } from './hardware.ts'
import { ChurnLinks } from './links.ts'
import type { Act, Standing } from './script.ts'

/** How long a dial may take, and the least time between two dials of a peer without connections. */
const dialWithinMs = 2000
const dialEveryMs = 1000
/** Time between two turns of a hostile member. */
const maliceEveryMs = 1000

/** Peers to which a script's acts happen, and the ground truth with which their views are compared. */
export class ChurnedSwarm {
  readonly world: World
  readonly #names: readonly string[]
  readonly #groups: boolean
  readonly #links: ChurnLinks
  /** Last incarnation of each peer. */
  readonly #incarnations = new Map<string, number>()
  /** When each ended `peer@incarnation` ended. */
  readonly #ended = new Map<string, number>()
  readonly #awakeSince = new Map<string, number>()
  readonly #dialledMs = new Map<string, number>()
  readonly #hostile: ReadonlyMap<string, MaliceKind>
  /** The hostile members that run now. */
  readonly #puppets = new Map<string, Puppet>()
  #puppetSeed: number
  #maliceMs = 0
  #listener: (line: string) => void = () => undefined

  /**
   * @param groups whether all take part in groups: two peers on each machine, with hardware for which some groups pay
   * @param hostile which of the names are hostile members
   */
  constructor(
    seed: number,
    names: readonly string[],
    groups = false,
    hostile: ReadonlyMap<string, MaliceKind> = new Map(),
  ) {
    this.world = createWorld(seed)
    this.#names = names
    this.#groups = groups
    this.#hostile = hostile
    this.#puppetSeed = seed
    this.#links = new ChurnLinks(this.world, names)
  }

  standing(): Standing {
    const { inhabitants } = this.world
    const { frozen, partitioned } = this.#links
    return {
      running: [...inhabitants.keys()].filter((name) => !frozen.has(name)).sort(),
      gone: this.#names.filter((name) => !inhabitants.has(name)),
      frozen: [...frozen.keys()].sort(),
      partitioned,
    }
  }

  async play(act: Act): Promise<void> {
    this.#listener(JSON.stringify(act))
    switch (act.type) {
      case 'restart':
        return this.#start(act.peer)
      case 'kill':
        return this.#kill(act.peer)
      case 'leave':
        return this.#leave(act.peer)
      case 'freeze':
        return this.#links.freeze(act.peer, act.durationMs)
      case 'partition':
        return this.#links.part(act)
      case 'slow':
        return this.#links.slow(act.peer, act.latencyMs)
      case 'adopt': {
        const inhabitant = this.world.inhabitants.get(act.peer)
        return inhabitant === undefined ? undefined : adopt(inhabitant)
      }
    }
  }

  /** Ends freezes and partitions whose time is over. Peers without connections dial another, as a node does. */
  tend(): void {
    const { clock, inhabitants } = this.world
    for (const [name, { untilMs }] of this.#links.frozen) if (untilMs <= clock.nowMs()) this.#thaw(name)
    this.#links.endPartition()
    for (const [name, { transport }] of inhabitants) {
      if (
        !this.#links.frozen.has(name) &&
        transport.connected().length === 0 &&
        clock.nowMs() >= (this.#dialledMs.get(name) ?? 0) + dialEveryMs
      )
        this.#dialAnother(name)
    }
  }

  /** Lets each hostile member act that is not frozen, once a second. */
  async act(): Promise<void> {
    const { clock } = this.world
    if (clock.nowMs() < this.#maliceMs + maliceEveryMs) return
    this.#maliceMs = clock.nowMs()
    for (const [name, puppet] of this.#puppets) if (!this.#links.frozen.has(name)) await puppet.turn()
  }

  isHonest(peer: string): boolean {
    return !this.#hostile.has(peer)
  }

  /** The honest inhabitants. */
  honest(): readonly Inhabitant[] {
    return [...this.world.inhabitants.values()].filter(({ name }) => this.isHonest(name))
  }

  /** Opens all links, makes them fast, and wakes all peers. */
  calm(): void {
    for (const name of this.#links.frozen.keys()) this.#thaw(name)
    this.#links.calm()
  }

  /** `peer@incarnation` of every honest peer that is a member now. */
  members(): readonly string[] {
    return this.honest()
      .map(({ name, membership }) => `${name}@${membership.incarnation}`)
      .sort()
  }

  /**
   * When a life of a peer ended; undefined while it goes on. A hostile peer may speak in any life until its process ends.
   */
  endedMs(peer: string, incarnation: number): number | undefined {
    const life = this.isHonest(peer) ? `${peer}@${incarnation}` : peer
    return this.#ended.get(life)
  }

  /** Since when this peer has been running without a freeze; undefined while it is frozen. */
  awakeSinceMs(peer: string): number | undefined {
    return this.#links.frozen.has(peer) ? undefined : this.#awakeSince.get(peer)
  }

  frozenSinceMs(peer: string): number | undefined {
    return this.#links.frozen.get(peer)?.sinceMs
  }

  /** Hears each act, and each event of each peer's membership. */
  onHappening(listener: (line: string) => void): void {
    this.#listener = listener
  }

  async #start(name: string): Promise<void> {
    const { world } = this
    const incarnation = (this.#incarnations.get(name) ?? 0) + 1
    this.#incarnations.set(name, incarnation)
    this.#awakeSince.set(name, world.clock.nowMs())
    const { membership } = await world.join(name, undefined, {
      incarnation,
      silent: true,
      tamper: (transport) => this.#corrupt(transport),
    })
    this.#ended.delete(name)
    membership.onEvent((event) => {
      if (event.type === 'self-expired') {
        this.#ended.set(`${name}@${event.incarnation}`, world.clock.nowMs())
        this.#incarnations.set(name, event.next)
      }
      this.#listener(`${name} ${JSON.stringify(event)}`)
    })
    const machine = `machine ${Math.floor(this.#names.indexOf(name) / 2)}`
    await membership.announce({
      state: 'serving',
      version: 'churn',
      hardware: this.#groups ? roomyHardwareOf(world) : hardwareOf(world),
      numericClass: 'one',
      ...(this.#groups && { machine }),
    })
    this.#dialAnother(name)
  }

  async #leave(name: string): Promise<void> {
    const { clock, inhabitants } = this.world
    this.#ended.set(`${name}@${inhabitants.get(name)?.membership.incarnation}`, clock.nowMs())
    await inhabitants.get(name)?.membership.leave()
    await this.world.run(5)
    return this.#kill(name)
  }

  async #kill(name: string): Promise<void> {
    const { clock, inhabitants } = this.world
    const life = `${name}@${inhabitants.get(name)?.membership.incarnation}`
    if (!this.#ended.has(life)) this.#ended.set(life, clock.nowMs())
    this.#ended.set(name, clock.nowMs())
    this.#puppets.delete(name)
    await this.world.kill(name)
    this.#links.forget(name)
  }

  #corrupt(transport: Transport): void {
    const kind = this.#hostile.get(transport.peerId)
    if (kind === undefined) return
    const random = seededRandom((this.#puppetSeed += 104_729))
    this.#puppets.set(transport.peerId, new Puppet(transport, random, maliceOf(kind)))
  }

  #thaw(name: string): void {
    this.#awakeSince.set(name, this.world.clock.nowMs())
    this.#links.thaw(name)
  }

  /** Dials one of the peers that this one can reach, by chance. */
  #dialAnother(name: string): void {
    const { clock, inhabitants, random } = this.world
    const others = this.#names.filter(
      (other) => other !== name && inhabitants.has(other) && this.#links.state(name, other) === 'open',
    )
    this.#dialledMs.set(name, clock.nowMs())
    const other = others[Math.floor(random.unit() * others.length)]
    if (other === undefined) return
    const ending = new AbortController()
    const timer = clock.after(dialWithinMs, () => ending.abort(new Error('no answer')))
    inhabitants
      .get(name)
      ?.transport.dial(`/memory/${other}/p2p/${other}`, { signal: ending.signal })
      .then(
        () => timer.cancel(),
        () => timer.cancel(),
      )
  }
}
