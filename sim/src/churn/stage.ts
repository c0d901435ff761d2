import { createWorld, type Inhabitant, type World } from '@shoal/membership/testing'
import { spanBytes } from '@shoal/planner'
import { wantedBy } from '@shoal/swarm/components'
import { churnCosts, churnPlan } from './plans.ts'
import type { Act, Standing } from './script.ts'

/** A world to which things happen, and what is true of it: what observers are compared with. */
export interface Stage {
  readonly world: World
  standing(): Standing
  play(act: Act): Promise<void>
  /** Ends what has come to its time; peers that know nobody dial somebody, as a node does. */
  tend(): void
  /** All links open and fast, all peers awake. */
  calm(): void
  /** `peer@incarnation` of everybody who is a member now. */
  members(): readonly string[]
  /** When an incarnation ended; undefined while it lives. */
  endedMs(life: string): number | undefined
  /** Since when this peer runs undisturbed. */
  awakeSinceMs(peer: string): number | undefined
  frozenSinceMs(peer: string): number | undefined
  onHappening(listener: (line: string) => void): void
}

/** @param groups whether all take part in groups: two on each machine, slow enough for some to pay */
export function createStage(seed: number, names: readonly string[], groups = false): Stage {
  const world = createWorld(seed)
  const { network, clock, inhabitants } = world
  const incarnations = new Map<string, number>()
  const ended = new Map<string, number>()
  const frozen = new Map<string, { readonly sinceMs: number; readonly untilMs: number }>()
  const awakeSince = new Map<string, number>()
  const dialledMs = new Map<string, number>()
  const linkStates = new Map<string, 'open' | 'cut' | 'stop'>()
  let partition: Extract<Act, { type: 'partition' }> | undefined
  let partitionEndsMs = 0
  let listener: (line: string) => void = () => undefined

  const linkState = (a: string, b: string): 'open' | 'cut' | 'stop' => {
    const apart = partition !== undefined && partition.side.includes(a) !== partition.side.includes(b)
    if (apart && partition?.kind === 'cut') return 'cut'
    return apart || frozen.has(a) || frozen.has(b) ? 'stop' : 'open'
  }

  const setLinks = (): void => {
    for (const [index, a] of names.entries()) {
      for (const b of names.slice(index + 1)) {
        const [state, before] = [linkState(a, b), linkStates.get(`${a} ${b}`) ?? 'open']
        if (state === before) continue
        linkStates.set(`${a} ${b}`, state)
        // Healed only to be open: what a silent link holds must not slip out before it breaks, least of all to a stopped peer.
        if (state === 'open') network.heal(a, b)
        if (state === 'cut') network.cut(a, b)
        if (state === 'stop') network.stop(a, b)
      }
    }
  }

  const dialSomebody = (name: string): void => {
    const others = names.filter(
      (other) => other !== name && inhabitants.has(other) && linkState(name, other) === 'open',
    )
    dialledMs.set(name, clock.nowMs())
    const other = others[Math.floor(world.random.unit() * others.length)]
    if (other === undefined) return
    const ending = new AbortController()
    const timer = clock.after(2000, () => ending.abort(new Error('no answer')))
    inhabitants
      .get(name)
      ?.transport.dial(`/memory/${other}/p2p/${other}`, { signal: ending.signal })
      .then(
        () => timer.cancel(),
        () => timer.cancel(),
      )
  }

  const start = async (name: string): Promise<void> => {
    const incarnation = (incarnations.get(name) ?? 0) + 1
    incarnations.set(name, incarnation)
    awakeSince.set(name, clock.nowMs())
    const { membership } = await world.join(name, undefined, { incarnation, silent: true })
    membership.onEvent((event) => {
      if (event.type === 'self-expired') {
        ended.set(`${name}@${event.incarnation}`, clock.nowMs())
        incarnations.set(name, event.next)
      }
      listener(`${name} ${JSON.stringify(event)}`)
    })
    const machine = `machine ${Math.floor(names.indexOf(name) / 2)}`
    await membership.announce({
      state: 'serving',
      version: 'churn',
      hardware: groups ? roomyHardwareOf(world) : hardwareOf(world),
      numericClass: 'one',
      ...(groups && { machine }),
    })
    dialSomebody(name)
  }

  const end = async (name: string): Promise<void> => {
    const life = `${name}@${inhabitants.get(name)?.membership.incarnation}`
    if (!ended.has(life)) ended.set(life, clock.nowMs())
    await world.kill(name)
    frozen.delete(name)
    setLinks()
  }

  const thaw = (name: string): void => {
    frozen.delete(name)
    awakeSince.set(name, clock.nowMs())
    setLinks()
    world.thaw(name)
  }

  const adopt = async ({ name, membership }: Inhabitant): Promise<void> => {
    const record = membership.members().find(({ record: { peerId } }) => peerId === name)?.record
    if (record === undefined) return
    const held =
      record.span === null
        ? null
        : { ...record.span, ...(record.group !== undefined && { group: record.group }) }
    const wanted = wantedBy(churnPlan(membership.snapshot()), name, held, membership.members())
    const alone = record.group?.alone ?? record.hardware
    // What a group is said to do is for routes, which nobody takes here.
    await membership.announce({
      span: wanted === null ? null : { start: wanted.start, end: wanted.end },
      group: wanted?.group === undefined ? null : { ...wanted.group, alone },
    })
  }

  return {
    world,
    standing: () => ({
      running: [...inhabitants.keys()].filter((name) => !frozen.has(name)).sort(),
      gone: names.filter((name) => !inhabitants.has(name)),
      frozen: [...frozen.keys()].sort(),
      partitioned: partition !== undefined,
    }),
    async play(act) {
      listener(JSON.stringify(act))
      switch (act.type) {
        case 'restart':
          return start(act.peer)
        case 'kill':
          return end(act.peer)
        case 'leave':
          ended.set(`${act.peer}@${inhabitants.get(act.peer)?.membership.incarnation}`, clock.nowMs())
          await inhabitants.get(act.peer)?.membership.leave()
          await world.run(5)
          return end(act.peer)
        case 'freeze':
          frozen.set(act.peer, { sinceMs: clock.nowMs(), untilMs: clock.nowMs() + act.durationMs })
          world.freeze(act.peer)
          return setLinks()
        case 'partition':
          partition = act
          partitionEndsMs = clock.nowMs() + act.durationMs
          return setLinks()
        case 'slow':
          for (const other of names)
            if (other !== act.peer) network.setLatency(act.peer, other, act.latencyMs)
          return
        case 'adopt': {
          const inhabitant = inhabitants.get(act.peer)
          return inhabitant === undefined ? undefined : adopt(inhabitant)
        }
      }
    },
    tend() {
      for (const [name, { untilMs }] of frozen) if (untilMs <= clock.nowMs()) thaw(name)
      if (partition !== undefined && partitionEndsMs <= clock.nowMs()) {
        partition = undefined
        setLinks()
      }
      for (const [name, { transport }] of inhabitants) {
        if (
          !frozen.has(name) &&
          transport.connected().length === 0 &&
          clock.nowMs() >= (dialledMs.get(name) ?? 0) + 1000
        )
          dialSomebody(name)
      }
    },
    calm() {
      partition = undefined
      for (const name of frozen.keys()) thaw(name)
      setLinks()
      for (const [index, a] of names.entries())
        for (const b of names.slice(index + 1)) network.setLatency(a, b, 1)
    },
    members: () =>
      [...inhabitants.values()].map(({ name, membership }) => `${name}@${membership.incarnation}`).sort(),
    endedMs: (life) => ended.get(life),
    awakeSinceMs: (peer) => (frozen.has(peer) ? undefined : awakeSince.get(peer)),
    frozenSinceMs: (peer) => frozen.get(peer)?.sinceMs,
    onHappening: (heard) => void (listener = heard),
  }
}

/** Desktops with little to do but one model. */
function roomyHardwareOf(world: World): ReturnType<typeof hardwareOf> {
  const decodeMicrosPerBlock = 10_000 + Math.floor(world.random.unit() * 40_000)
  const memoryBytes =
    Math.ceil(
      spanBytes(8 + Math.floor(world.random.unit() * 60), churnCosts, churnCosts.contextLength) / 0.8,
    ) + 1000
  return {
    ...hardwareOf(world),
    memoryBytes,
    decodeMicrosPerBlock,
    prefillMicrosPerRowBlock: Math.ceil(decodeMicrosPerBlock / 10),
  }
}

/** Between a phone and a desktop: two to eight blocks of 24. */
function hardwareOf({ random }: World): {
  memoryBytes: number
  decodeMicrosPerBlock: number
  prefillMicrosPerRowBlock: number
  bandwidthBytesPerSecond: number
  device: string
  threads: number
} {
  const decodeMicrosPerBlock = 500 + Math.floor(random.unit() * 10_000)
  const memoryBytes =
    Math.ceil(spanBytes(2 + Math.floor(random.unit() * 7), churnCosts, churnCosts.contextLength) / 0.8) + 1000
  return {
    memoryBytes,
    decodeMicrosPerBlock,
    prefillMicrosPerRowBlock: Math.ceil(decodeMicrosPerBlock / 10),
    bandwidthBytesPerSecond: 100_000_000,
    device: 'cpu',
    threads: 1,
  }
}
