import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf, sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { Engine, SwarmPeer } from '@shoal/swarm'
import { connectClient } from '@shoal/swarm/node'
import type { HarnessReport } from '../chaos.ts'
import {
  ask,
  expectedAnswers,
  harnessDependencies,
  untilCovered,
  untilServing,
} from '../processes/answers.ts'
import { createCrew, type CrewMember } from '../processes/crew.ts'
import type { Target } from './attack.ts'
import { AttackerProcess } from './attacker-process.ts'
import { attacksNamed, attacks } from './attacks/index.ts'
import { HonestCrowd } from './honest-crowd.ts'
import { rowOf, violationsOf, type SiegeFigures } from './verdict.ts'
import { vitalSigns } from './vital-signs.ts'
import { perSecond, windowsOf, WindowTally } from './windows.ts'

/*
 * Three real processes share the demo model, so that every answer passes through each of them. An honest client streams
 * greedy answers, which must be those of one process, while another process attacks the first node's port from another
 * address. Windows with the attack and without take turns, so that what the machine does besides falls on both, and so do
 * windows in which the attacker's process only uses its processor time up.
 */

const memory = '12MiB'
const blocks = ['0:2', '2:4', '4:6']
const lookEveryMs = 500
const newcomerEveryMs = 3000
/** Time in which an attack unfolds, or its peers go, before a window counts. */
const settleMs = 1500
const warmUpMs = 4000
/** Log lines by which a node says that it turns against a peer. */
const turnsAgainst = /neighbour-misbehaved|owner-at-fault|peer-refused|shut-out/

interface Siege {
  readonly crew: readonly CrewMember[]
  readonly target: Target
  readonly pid: number
  readonly crowd: HonestCrowd
  readonly attacker: AttackerProcess
}

/** Runs the harness for `npm run chaos -- siege`. @param attack names that are played one after the other; `each` for all of them, `all` for all at once */
export async function chaosSiege(
  attack: string,
  seconds: number,
  report: (line: string) => void,
): Promise<HarnessReport> {
  const plays = attack === 'each' ? attacks.map(({ name }) => name) : attack.split(',')
  for (const name of plays) attacksNamed(name)
  const violations: string[] = []
  const rows: string[] = []
  try {
    await inBesiegedSwarm(async (siege) => {
      for (const name of plays) {
        const figures = await throughWindows(siege, name, seconds, report)
        rows.push(rowOf(figures))
        violations.push(...violationsOf(figures))
        report(rowOf(figures))
        if (!figures.alive) throw new Error('the rest of the siege has no target')
      }
    })
  } catch (error) {
    violations.push(`the siege ended early: ${messageOf(error)}`)
  }
  const repeat = `npm run chaos -- siege --attack ${attack} --count ${seconds}`
  return {
    failed: violations.length === 0 ? [] : [{ seed: 1, violations, repeat }],
    lines: [...rows, ...violations],
  }
}

/** Starts the swarm, its client with answers without end, and the attacker. */
async function inBesiegedSwarm(play: (siege: Siege) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-siege-'))
  const crowd = new HonestCrowd()
  const honest = new Set<string>()
  const crew = await createCrew({
    folder,
    members: blocks.length,
    bootstrap: 0,
    owner: 0,
    memory,
    blocks,
    onLog(name, line) {
      // What a node says of honest peers only: attackers are to be turned against.
      if (turnsAgainst.test(line) && [...honest].some((peer) => line.includes(`peer=${peer}`)))
        crowd.shutOut.push(`${name}: ${line}`)
    },
  })
  const attacker = new AttackerProcess({ yields: true })
  let client: SwarmPeer | null = null
  const over = new AbortController()
  try {
    const expected = await expectedAnswers(join(folder, 'local'))
    for (const member of crew) member.start()
    const known = await untilServing(crew)
    client = await connectClient(harnessDependencies, {
      join: [known],
      dataFolder: join(folder, 'client'),
      threads: 1,
    })
    await untilCovered(client)
    for (const peer of [client.peerId, ...crew.map((member) => member.ready()?.peerId)])
      if (peer !== undefined) honest.add(peer)
    const target = targetOf(crew[0]!, client)
    const engine = await client.engine()
    await warmUp(target, engine)
    const streams = crowd.askForEver(engine, expected, over.signal)
    await sleep(systemClock, warmUpMs)
    await play({ crew, crowd, attacker, target, pid: crew[0]!.pid ?? 0 })
    over.abort()
    await streams
  } finally {
    over.abort()
    // Whatever fails to close, no process stays behind.
    await Promise.allSettled([attacker.close(), client?.close(), ...crew.map((member) => member.kill())])
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Has the target do once what honest users have it do: answer over its API, and compute as long a prompt as its model takes.
 * What it loads for that, and the room for the largest step, is no attack's.
 */
async function warmUp(target: Target, engine: Engine): Promise<void> {
  const long = {
    promptIds: Array.from({ length: longPrompt }, (_, index) => 3 + (index % 200)),
    tokenIds: [],
  }
  await ask(engine, long)
  const asked = { model: 'demo', prompt: 'Once upon a time', max_tokens: 8 }
  const headers = { 'content-type': 'application/json' }
  for (let tries = 0; tries < 20; tries += 1) {
    const answer = await fetch(`${target.api}/v1/completions`, {
      method: 'POST',
      headers,
      body: JSON.stringify(asked),
    })
    await answer.text()
    if (answer.ok) return
    await sleep(systemClock, lookEveryMs)
  }
}

/** Leaves room for an answer in the demo model's context of 512. */
const longPrompt = 340

function targetOf(member: CrewMember, client: SwarmPeer): Target {
  const ready = member.ready()
  if (ready?.addrs[0] === undefined || ready.blocks === null) throw new Error(`${member.name} does not serve`)
  const { manifest } = client.manifest
  return {
    address: ready.addrs[0],
    peerId: ready.peerId,
    api: ready.api === null ? null : new URL(ready.api).origin,
    manifest: ready.manifest,
    profile: ready.profile,
    start: ready.blocks[0],
    end: ready.blocks[1],
    hiddenSize: manifest.config.hiddenSize,
    assets: manifest.assets.map(({ sha256 }) => sha256),
  }
}

async function throughWindows(
  siege: Siege,
  attack: string,
  seconds: number,
  report: (line: string) => void,
): Promise<SiegeFigures> {
  const { pid, target, crowd, attacker } = siege
  const windows = { calm: [] as WindowTally[], attacked: [] as WindowTally[], loaded: [] as WindowTally[] }
  const counts: Record<string, number> = {}
  const before = { answers: crowd.answers, wrong: crowd.wrong.length, shutOut: crowd.shutOut.length }
  for (const { kind, seconds: windowSeconds } of windowsOf(seconds)) {
    if (kind === 'attacked') attacker.begin(attack, target)
    if (kind === 'loaded') attacker.load(cpuShareOf(windows.attacked.at(-1)))
    crowd.watch(null)
    await sleep(systemClock, settleMs)
    const tally = await countWindow(siege, windowSeconds)
    windows[kind].push(tally)
    if (kind === 'attacked') await crowd.lookAround(siege.crew)
    if (kind !== 'calm')
      for (const [what, times] of Object.entries(await attacker.rest()))
        counts[what] = (counts[what] ?? 0) + times
    const resident = Math.round(tally.residentMiB.at(-1) ?? 0)
    report(`${attack}, ${kind}: ${tally.pace.toFixed(1)} tokens/s, ${resident} MiB`)
    if (vitalSigns(pid) === null) break
  }
  return {
    attack,
    windows,
    answers: crowd.answers - before.answers,
    wrong: crowd.wrong.slice(before.wrong),
    shutOut: crowd.shutOut.slice(before.shutOut),
    alive: vitalSigns(pid) !== null,
    counts,
  }
}

/** The part of a processor that the attacker had. */
const cpuShareOf = (tally: WindowTally | undefined): number =>
  tally === undefined ? 0 : perSecond([tally], ({ attackerSeconds }) => attackerSeconds)

async function countWindow({ pid, crowd, target, attacker }: Siege, seconds: number): Promise<WindowTally> {
  const tally = new WindowTally()
  const startMs = systemClock.nowMs()
  const before = { target: vitalSigns(pid), attacker: attacker.vitalSigns() }
  crowd.watch(tally)
  let newcomerMs = startMs
  const newcomers: Promise<void>[] = []
  while (systemClock.nowMs() - startMs < seconds * 1000) {
    await sleep(systemClock, lookEveryMs)
    const now = vitalSigns(pid)
    if (now === null) break
    tally.residentMiB.push(now.residentMiB)
    if (systemClock.nowMs() - newcomerMs < newcomerEveryMs) continue
    newcomerMs = systemClock.nowMs()
    newcomers.push(crowd.newcomer(target))
  }
  crowd.watch(null)
  const after = { target: vitalSigns(pid), attacker: attacker.vitalSigns() }
  tally.seconds = (systemClock.nowMs() - startMs) / 1000
  tally.cpuSeconds = (after.target?.cpuSeconds ?? 0) - (before.target?.cpuSeconds ?? 0)
  tally.loopSeconds = (after.target?.loopSeconds ?? 0) - (before.target?.loopSeconds ?? 0)
  tally.attackerSeconds = (after.attacker?.cpuSeconds ?? 0) - (before.attacker?.cpuSeconds ?? 0)
  tally.sentBytes = (after.attacker?.writtenBytes ?? 0) - (before.attacker?.writtenBytes ?? 0)
  await Promise.all(newcomers)
  return tally
}
