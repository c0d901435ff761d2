import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom, ShoalError, silentLogger, sleep, timeLimit, type Random } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Engine, GenerateResult, SwarmPeer, SwarmStatus } from '@shoal/swarm'
import { connectClient, openLocalEngine } from '@shoal/swarm/node'
import { quantile } from '../bench/report.ts'
import type { HarnessReport } from '../chaos.ts'
import { askStatus } from './ask-status.ts'
import { createCrew, type CrewMember } from './crew.ts'
import { Disagreement, Watch } from './watch.ts'

/** Result of one seed. */
interface RestartReport {
  readonly seed: number
  readonly processes: number
  readonly restarts: number
  /** From the last start until all five agree, for the first formation and each round after it. */
  readonly convergedMs: readonly number[]
  readonly generations: number
  readonly violations: readonly string[]
}

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }
const processes = 5
/** Room for two of the demo model's six blocks, so that at least three nodes must serve. */
const memory = '7MiB'
const tokens = 24
/** Peers announce their links within two beats of a join; nothing changes after that. */
const quietMs = 3000
const quietTries = 4

/** `npm run chaos -- processes`: one seed, reported as all harnesses do. */
export async function chaosRestarts(
  seed: number,
  restarts: number,
  report: (line: string) => void,
): Promise<Omit<RestartReport, 'violations'> & HarnessReport> {
  const { violations, ...result } = await runRestarts(seed, restarts, report)
  const [half, most] = [quantile(result.convergedMs, 0.5), Math.max(...result.convergedMs)]
  return {
    ...result,
    failed:
      violations.length === 0
        ? []
        : [{ seed, violations, repeat: `npm run chaos -- processes --restarts ${restarts} --from ${seed}` }],
    lines: [
      `${processes} processes, ${restarts} restarts, ${result.generations} generations: agreed after ${half} ms (median), ${most} ms (most)`,
    ],
  }
}

/**
 * Starts five real processes that know one address in random order, then kills (kill -9) and starts some of them again,
 * round after round. After each round all views must agree, and a client that has been there since the start must get
 * the same tokens as from one process alone.
 */
async function runRestarts(
  seed: number,
  restarts: number,
  report: (line: string) => void,
): Promise<RestartReport> {
  const random = seededRandom(seed)
  const folder = await mkdtemp(join(tmpdir(), 'shoal-chaos-'))
  const bootstrap = below(random, processes)
  // Another node owns the model: no address that was given to anybody leads to it.
  const owner = (bootstrap + 1 + below(random, processes - 1)) % processes
  report(`seed ${seed}: node ${bootstrap + 1} has the known address, node ${owner + 1} the model`)
  const crew = await createCrew({ folder, members: processes, bootstrap, owner, memory })
  const run = new RestartRun(random, folder, crew, report)
  const { violations } = run.watch
  try {
    await run.start(crew[bootstrap]!)
    for (let done = 0; done < restarts && violations.length === 0;) done = await run.round(done, restarts)
    violations.push(...(await askAll(crew, run.watch, join(folder, 'client'), report)))
  } catch (error) {
    if (!(error instanceof ShoalError) && !(error instanceof Disagreement)) throw error
    violations.push(error.message)
  } finally {
    await run.close()
    await rm(folder, { recursive: true, force: true })
  }
  const { generations, convergedMs } = run
  return { seed, processes, restarts, convergedMs: convergedMs.map(Math.round), generations, violations }
}

/** One seed: its processes, the client that stays through all restarts, and what was measured. */
class RestartRun {
  readonly watch: Watch
  readonly convergedMs: number[] = []
  generations = 0
  readonly #random: Random
  readonly #folder: string
  readonly #crew: readonly CrewMember[]
  readonly #report: (line: string) => void
  readonly #promptIds: number[] = []
  #expected: readonly number[] = []
  #client: SwarmPeer | null = null

  constructor(random: Random, folder: string, crew: readonly CrewMember[], report: (line: string) => void) {
    this.#random = random
    this.#folder = folder
    this.#crew = crew
    this.#report = report
    this.watch = new Watch(
      crew,
      () => new Map(this.#client === null ? [] : [['the client', this.#client.status()]]),
      report,
    )
  }

  /** Starts all processes, and a client at the known address. */
  async start(known: CrewMember): Promise<void> {
    await this.#expect()
    for (const member of shuffled(this.#crew, this.#random)) {
      member.start()
      await sleep(systemClock, below(this.#random, 400))
    }
    this.convergedMs.push(await this.watch.untilAgreed('at the start'))
    this.#client = await connectClient(dependencies, {
      join: [known.address()!],
      dataFolder: join(this.#folder, 'client'),
      threads: 1,
    })
    await covered(this.#client)
    await this.#check(this.#client, 'at the start')
  }

  /**
   * Kills some processes and starts them again: mostly one, now and then all.
   * @returns restarts done, this round's included
   */
  async round(done: number, restarts: number): Promise<number> {
    const random = this.#random
    const count = Math.min(restarts - done, [1, 1, 1, 2, 3, processes][below(random, 6)]!)
    const victims = shuffled(this.#crew, random).slice(0, count)
    for (const victim of victims) await this.watch.kill(victim)
    await sleep(systemClock, below(random, 1500))
    for (const victim of shuffled(victims, random)) {
      victim.start()
      await sleep(systemClock, below(random, 300))
    }
    const when = `after ${done + count} restarts (${victims.map(({ name }) => name).join(', ')})`
    const agreedMs = await this.watch.untilAgreed(when)
    this.convergedMs.push(agreedMs)
    if (this.#client !== null) await this.#check(this.#client, when)
    this.#report(`${when}: agreed after ${Math.round(agreedMs)} ms`)
    return done + count
  }

  async close(): Promise<void> {
    await this.#client?.close()
    await Promise.all(this.#crew.map((member) => member.kill()))
  }

  /** Asks one process alone for the tokens that the swarm must answer. */
  async #expect(): Promise<void> {
    const dataFolder = join(this.#folder, 'local')
    const local = await openLocalEngine(dependencies, { model: 'demo', threads: 1, dataFolder })
    try {
      this.#promptIds.push(...((await local.tokenizer?.encode('Once upon a time')) ?? []))
      this.#expected = (await generate(local, this.#promptIds)).tokenIds
    } finally {
      await local.close()
    }
  }

  async #check(client: SwarmPeer, when: string): Promise<void> {
    const { violations } = this.watch
    const result = await generate(await client.engine(), this.#promptIds)
    this.generations += 1
    if (result.tokenIds.join() !== this.#expected.join())
      violations.push(`${when}: other tokens than those of one process`)
    const alive = new Set(await this.watch.livingPeers())
    for (const { peer } of result.route)
      if (!alive.has(peer)) violations.push(`${when}: the route passes ${peer}, which does not run`)
  }
}

/**
 * Asks every node with `shoal status` after a short quiet. On a busy machine five such processes take so long to start
 * that the swarm may change meanwhile; hence the retries.
 * @returns how the answers differ; empty when they show one covered swarm
 */
async function askAll(
  crew: readonly CrewMember[],
  watch: Watch,
  dataFolder: string,
  report: (line: string) => void,
): Promise<readonly string[]> {
  let found: readonly string[] = []
  for (let tries = 0; tries < quietTries; tries += 1) {
    await watch.untilQuiet('at the end', quietMs)
    found = differences(await Promise.all(crew.map((member) => askStatus(member.address()!, dataFolder))))
    if (found.length === 0) break
    report(found.join('; '))
  }
  return found
}

/** Differences between the answers that five newcomers got, each from another node. */
function differences(seen: readonly SwarmStatus[]): string[] {
  const views = new Set(
    seen.map(
      ({ snapshotHash, planHash, coverage, covered }) =>
        `snapshot ${snapshotHash.slice(0, 8)}, plan ${planHash.slice(0, 8)}, coverage ${coverage.join(' ')} (${covered ? 'whole' : 'with gaps'})`,
    ),
  )
  return views.size === 1 && seen[0]?.covered === true
    ? []
    : [`shoal status shows ${[...views].join(' and ')}`]
}

/** Waits until the client sees all blocks held: records and beats arrive some moments after the connection. */
async function covered(client: SwarmPeer): Promise<void> {
  const limit = timeLimit(
    systemClock,
    10_000,
    () => new ShoalError('deadline-passed', 'the client sees no covered model'),
  )
  await client.whenCovered(limit.signal).finally(() => limit.clear())
}

async function generate(engine: Engine, promptIds: readonly number[]): Promise<GenerateResult> {
  for await (const event of engine.generate({
    promptIds,
    maxTokens: tokens,
    sampling: { ...engine.defaultSampling, temperature: 0 },
    ignoreEos: true,
  }))
    if (event.type === 'done') return event.result
  throw new Error('a generation ended without its result')
}

function below(random: Random, limit: number): number {
  return Math.floor(random.unit() * limit)
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, key: random.unit() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
