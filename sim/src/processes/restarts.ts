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
import { createWatch, Disagreement, type Watch } from './watch.ts'

/** What one seed came to. */
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
/** Room for two of the demo model's six blocks: three nodes at least must serve. */
const memory = '7MiB'
const tokens = 24
/** Links are said within two beats of a join; nothing changes after that. */
const quietMs = 3000
const quietTries = 4

/** As `npm run chaos` and the tests want it. */
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
 * Five real processes that know one address, started in random order, killed with kill -9 and started again in random
 * order. After each round all of them must say the same, and a client that saw it all must get the tokens of one process.
 */
async function runRestarts(
  seed: number,
  restarts: number,
  report: (line: string) => void,
): Promise<RestartReport> {
  const random = seededRandom(seed)
  const folder = await mkdtemp(join(tmpdir(), 'shoal-chaos-'))
  const bootstrap = below(random, processes)
  // The model's owner is somebody else: no address that anybody was given leads to it.
  const owner = (bootstrap + 1 + below(random, processes - 1)) % processes
  report(`seed ${seed}: node ${bootstrap + 1} has the known address, node ${owner + 1} the model`)
  const crew = await createCrew({ folder, members: processes, bootstrap, owner, memory })
  let client: SwarmPeer | null = null
  const watch = createWatch(
    crew,
    () => new Map(client === null ? [] : [['the client', client.status()]]),
    report,
  )
  const convergedMs: number[] = []
  let local: Engine | null = null
  let generations = 0
  try {
    local = await openLocalEngine(dependencies, {
      model: 'demo',
      threads: 1,
      dataFolder: join(folder, 'local'),
    })
    const promptIds = local.tokenizer?.encode('Once upon a time') ?? []
    const expected = await generate(local, promptIds)
    const check = async (when: string): Promise<void> => {
      const result = await generate(await client!.engine(), promptIds)
      generations += 1
      if (result.tokenIds.join() !== expected.tokenIds.join())
        watch.violations.push(`${when}: other tokens than those of one process`)
      const alive = new Set(await watch.livingPeers())
      for (const { peer } of result.route)
        if (!alive.has(peer)) watch.violations.push(`${when}: the route passes ${peer}, which does not run`)
    }

    for (const member of shuffled(crew, random)) {
      member.start()
      await sleep(systemClock, below(random, 400))
    }
    convergedMs.push(await watch.untilAgreed('at the start'))
    client = await connectClient(dependencies, {
      join: [crew[bootstrap]!.address()!],
      dataFolder: join(folder, 'client'),
      threads: 1,
    })
    await covered(client)
    await check('at the start')

    for (let done = 0; done < restarts && watch.violations.length === 0;) {
      // Mostly one at a time; now and then all at once.
      const count = Math.min(restarts - done, [1, 1, 1, 2, 3, processes][below(random, 6)]!)
      const victims = shuffled(crew, random).slice(0, count)
      for (const victim of victims) await watch.kill(victim)
      await sleep(systemClock, below(random, 1500))
      for (const victim of shuffled(victims, random)) {
        victim.start()
        await sleep(systemClock, below(random, 300))
      }
      done += count
      const when = `after ${done} restarts (${victims.map(({ name }) => name).join(', ')})`
      convergedMs.push(await watch.untilAgreed(when))
      await check(when)
      report(`${when}: agreed after ${Math.round(convergedMs.at(-1)!)} ms`)
    }
    watch.violations.push(...(await askAll(crew, watch, join(folder, 'client'), report)))
    return {
      seed,
      processes,
      restarts,
      convergedMs: convergedMs.map(Math.round),
      generations,
      violations: watch.violations,
    }
  } catch (error) {
    if (!(error instanceof ShoalError) && !(error instanceof Disagreement)) throw error
    return {
      seed,
      processes,
      restarts,
      convergedMs: convergedMs.map(Math.round),
      generations,
      violations: [...watch.violations, error.message],
    }
  } finally {
    await client?.close()
    await local?.close()
    await Promise.all(crew.map((member) => member.kill()))
    await rm(folder, { recursive: true, force: true })
  }
}

/** After a short quiet. On a busy machine five processes take their time to start and to look: then once more. */
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

/** Five newcomers, each of whom asked another node, must see one swarm. */
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

/** Its records and beats come some moments after the connection. */
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
