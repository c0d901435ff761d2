import { AuditedSwarm } from './audit/audited-swarm.ts'
import { lies, sessionSteps, type BenchPeer } from './audit/stages.ts'
import { describeMachine } from './machine.ts'
import { medians, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'
import { turnOfEventLoop } from '../turn.ts'

type Sketch = Omit<BenchPeer, 'sign'>

/** Of all sessions, so many are audited. */
const share = 0.05
/** Trials of each lie in a round; the median over all rounds is told. */
const trialsPerRound = 4
const honestSteps = 1_000_000

const honest = (count: number, numericClass = 'a'): Sketch[] =>
  Array.from({ length: count }, (_, index) => ({ name: `${numericClass}${index}`, numericClass }))

/** Liars, false accusers and mixed classes among peers that compute in this process, with the product's audits. */
export async function benchAudit(settings: BenchSettings): Promise<BenchReport> {
  const samples: Record<string, number[]> = {}
  const say = (metric: string, value: number): void => void (samples[metric] ??= []).push(value)

  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const [kind, [name, change]] of Object.entries(lies).entries()) {
      for (let trial = 0; trial < trialsPerRound; trial += 1) {
        const seed = round * 1000 + kind * 100 + trial * 10
        const seldom = await untilOut(seed, { name: 'liar', numericClass: 'a', lie: { change, rate: 0.01 } })
        say('sessionsToDetectOnePercent', seldom.sessions)
        say(`sessionsToDetectOnePercent-${name}`, seldom.sessions)
        say('tokensToDetectOnePercent', seldom.sessions * sessionSteps.answerRows)
        const always = await untilOut(seed + 1, { name: 'liar', numericClass: 'a', lie: { change, rate: 1 } })
        say('sessionsToDetectEveryStep', always.sessions)
        say('falseEvictions', seldom.others + always.others)
      }
      settings.report(`round ${round}: ${name}`)
      await turnOfEventLoop()
    }
    const { workFraction, evicted } = await honestWork(round, 1000)
    say('workFraction', workFraction)
    say('falseEvictions', evicted)
    say('falseEvictions', await accused(round))
  }
  say('falseEvictionsHonest', await honestAudits(settings))
  return {
    name: 'audit',
    machine: describeMachine(),
    model: 'none',
    settings: { rounds: settings.rounds, share, trialsPerRound, honestSteps, ...sessionSteps },
    samples,
    median: {
      ...medians(samples),
      falseEvictions: total(samples['falseEvictions']) + total(samples['falseEvictionsHonest']),
    },
    notes: [
      'peers compute cheap arithmetic in this process; receipts, audits and verdicts are those of the product',
      'every session goes through the liar: a swarm of many peers meets it less often, and it lies less often',
      'falseEvictions is a sum, not a median; workFraction counts a row of a prompt as an eighth of a decoded one',
      `falseEvictionsHonest: ${honestSteps} steps of honest stages in two numeric classes, all of them audited`,
    ],
  }
}

const total = (values: readonly number[] = []): number => values.reduce((sum, value) => sum + value, 0)

/** Sessions until the liar is out, and how many others were put out with it. */
async function untilOut(seed: number, liar: Sketch): Promise<{ sessions: number; others: number }> {
  const swarm = new AuditedSwarm(seed, [...honest(5), ...honest(3, 'b'), liar])
  for (let sessions = 1; ; sessions += 1) {
    await swarm.session(share, liar.name)
    const out = await swarm.evicted()
    if (out.includes(liar.name)) return { sessions, others: out.length - 1 }
  }
}

/** Extra work of audits among honest peers. */
async function honestWork(
  seed: number,
  sessions: number,
): Promise<{ workFraction: number; evicted: number }> {
  const swarm = new AuditedSwarm(seed, [...honest(5), ...honest(4, 'b')])
  for (let session = 0; session < sessions; session += 1) await swarm.session(share)
  return {
    workFraction: swarm.auditWork / (sessions * swarm.sessionWork),
    evicted: (await swarm.evicted()).length,
  }
}

/** Honest peers put out because of one that gives wrong results whenever it audits. */
async function accused(seed: number): Promise<number> {
  const accuser = { name: 'accuser', numericClass: 'a', accuses: true }
  const swarm = new AuditedSwarm(seed, [...honest(4), accuser])
  for (let session = 0; session < 20; session += 1) await swarm.session(1)
  return (await swarm.evicted()).filter((peer) => peer !== accuser.name).length
}

/** Honest peers put out while every session is audited. */
async function honestAudits(settings: BenchSettings): Promise<number> {
  const swarm = new AuditedSwarm(1, [...honest(5), ...honest(5, 'b'), ...honest(2, 'c')])
  while (swarm.steps < honestSteps) {
    await swarm.session(1)
    if (swarm.steps % 100 === 0) await turnOfEventLoop()
  }
  settings.report(`${swarm.steps} honest steps`)
  return (await swarm.evicted()).length
}
