import { join } from 'node:path'
import { messageOf, sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { GenerateResult, SwarmStatus } from '@shoal/swarm'
import { startNodeProcess, type NodeProcess, type ReadyEvent } from 'shoal/node-process'
import { firstDifference } from '../kills/answer.ts'
import type { Layout, MachinePlan } from './layout.ts'
import { pathBetween } from './path-between.ts'
import { commandOn, statusOn } from './commands.ts'
import { diagnose, untilMapped } from './diagnose.ts'
import { countIdle } from './idle.ts'
import { playGuest } from './play-guest.ts'
import { deskAddress, playPage } from './play-page.ts'
import { createLab, type Lab } from './namespaces.ts'
import { untilNone, within } from './waiting.ts'

/** A lid that was closed for some minutes, and the time in which its machine has to be back. */
const sleepMs = 180_000
const backMs = 30_000

/** What is asked of every layout, and what one process answers. */
export interface Question {
  readonly promptIds: readonly number[]
  readonly maxTokens: number
  readonly tokenIds: readonly number[]
}

export interface LayoutReport {
  readonly lines: readonly string[]
  readonly violations: readonly string[]
}

interface Running {
  readonly plan: MachinePlan
  readonly node: NodeProcess
  readonly ready: ReadyEvent
}

export interface PlayOptions {
  readonly folder: string
  /** How long a layout of which nothing is asked is counted. */
  readonly idleMs: number
  /** Told of each line at once. */
  readonly report: (line: string) => void
}

/** A layout that is being played. */
interface Play {
  readonly lab: Lab
  readonly layout: Layout
  readonly folder: string
  /** By the name of the machine. */
  readonly running: Map<string, Running>
  /** A line of the result. */
  readonly say: (line: string) => void
}

/** Plays one layout with real processes in network namespaces. */
export async function playLayout(
  layout: Layout,
  question: Question,
  { folder, idleMs, report }: PlayOptions,
): Promise<LayoutReport> {
  const lines: string[] = []
  const say = (line: string): void => {
    lines.push(`${layout.name}: ${line}`)
    report(`${layout.name}: ${line}`)
  }
  const play: Play = { lab: createLab(), layout, folder, running: new Map(), say }
  const violations: string[] = []
  try {
    build(play.lab, layout)
    const guest = await startAll(play)
    if (layout.idle === true)
      violations.push(...(await countIdle(play.lab, [...play.running.keys()], idleMs, say)))
    violations.push(...(await askOver(play, question, guest)))
    const hidden = play.running.get(layout.undialled ?? '')?.ready.peerId
    violations.push(...(await diagnose(play.lab, layout, hidden, [guest, join(folder, 'guest')], say)))
  } catch (error) {
    violations.push(messageOf(error))
    for (const { node } of play.running.values()) report(node.obituary())
  } finally {
    for (const { node } of play.running.values()) await node.stop('SIGKILL')
    play.lab.close()
  }
  return { lines, violations: violations.map((violation) => `${layout.name}: ${violation}`) }
}

/** Who asks, in this layout. @returns what was wrong */
function askOver(play: Play, question: Question, code: string): Promise<readonly string[]> {
  const { lab, layout, folder, say } = play
  if (layout.page !== undefined) return playPage(lab, code, join(folder, 'desk'), say)
  return layout.guest === undefined ? answer(play, question, code) : answerGuest(play, question, code)
}

/** Starts the nodes, and waits until they are connected as they should. @returns an invite of a client */
async function startAll(play: Play): Promise<string> {
  const { lab, layout, folder, running } = play
  const [founder, ...others] = layout.machines
  if (founder === undefined) throw new Error('a layout without machines')
  await start(play, founder, null)
  const first = running.get(founder.name)?.ready.api ?? null
  if (layout.sites[founder.at]?.obeys === true) await untilMapped(lab, founder.name, first, play.say)
  const invite = async (...words: readonly string[]): Promise<string> => {
    const asked = ['invite', ...words, '--json', '--data', join(folder, founder.name)]
    return ((await commandOn(lab, founder.name, asked)) as { code: string }).code
  }
  const code = await invite('--uses', '9')
  const guest = await invite('--role', 'client')
  for (const plan of others.filter(({ name }) => name !== layout.spare)) await start(play, plan, code)
  await untilPathsAre(play)
  const spare = layout.machines.find(({ name }) => name === layout.spare)
  if (spare === undefined) return guest
  await start(play, spare, code)
  await untilPathsAre(play)
  await untilRelayedTwice(lab, layout, [...running.values()])
  return guest
}

async function start(
  { lab, layout, folder, running }: Play,
  plan: MachinePlan,
  code: string | null,
): Promise<void> {
  const data = join(folder, plan.name)
  const words = ['--threads', '1', '--memory', '64MiB', '--api', layout.api ?? '127.0.0.1:0', '--data', data]
  const node = startNodeProcess([...(code === null ? [] : [code]), ...plan.words, ...words], {
    name: plan.name,
    within: lab.within(plan.name),
  })
  try {
    running.set(plan.name, { plan, node, ready: await within(node.ready, `${plan.name} serves`) })
  } catch (error) {
    node.process.kill('SIGKILL')
    throw error
  }
}

/** Asks one question, and kills who is to be killed. @returns what was wrong */
async function answer(play: Play, question: Question, guest: string): Promise<readonly string[]> {
  const { lab, layout, folder, running, say } = play
  const opened = [...running.values()].map(({ node }) =>
    node.until(({ event }) => event === 'session-opened'),
  )
  for (const waiting of opened) waiting.catch(() => undefined)
  const answering = commandOn(lab, layout.asker, [...questionWords(guest, question), join(folder, 'guest')])
  answering.catch(() => undefined)
  const nameOf = new Map([...running.values()].map(({ ready, plan }) => [ready.peerId, plan.name]))
  const isDisturbed = [layout.killed, layout.moved, layout.cut].some((each) => each !== undefined)
  let isOver = false
  if (isDisturbed) {
    // An answer that fails before it begins ends the wait with its own error.
    await within(Promise.race([Promise.any(opened), answering]), 'a session is open')
    await sleep(systemClock, 200)
    await interrupt(play)
    isOver = await Promise.race([answering.then(() => true), sleep(systemClock, 0).then(() => false)])
  }
  const result = (await within(answering, 'the answer is complete')) as GenerateResult
  const route = result.route.map(({ peer }) => nameOf.get(peer) ?? peer).join(' → ')
  say(
    `${result.tokenIds.length} tokens over ${route}, ${result.failovers} failovers, ${result.tokensPerSecond.toFixed(1)} tokens/s`,
  )
  const wrong: string[] = []
  const apart = firstDifference(result.tokenIds, question.tokenIds)
  if (apart !== null) wrong.push(`other tokens than those of one process from token ${apart} on`)
  if (!isDisturbed) return wrong
  if (isOver) wrong.push('the answer was over before anything happened')
  // A punched path does not notice that the relay is gone.
  const mayGoOn = layout.killed !== undefined && layout.punched !== undefined && layout.cut === undefined
  if (result.failovers === 0 && !mayGoOn) wrong.push('nobody was lost')
  await untilPathsAre(play, layout.cut !== undefined)
  if (layout.moved !== undefined) wrong.push(...(await sleepElsewhere(play, layout.moved)))
  return wrong
}

/** Asks from a client that is alone in its home. @returns what was wrong */
async function answerGuest(play: Play, question: Question, code: string): Promise<readonly string[]> {
  const { lab, layout, folder, running, say } = play
  const plan = layout.guest
  const peer = running.get(plan?.to ?? '')?.ready.peerId
  if (plan === undefined || peer === undefined)
    throw new Error('a layout without a client, or without its peer')
  const stage = { lab, plan, code, folder: join(folder, 'guest'), peer, question, say }
  return playGuest({ ...stage, interrupt: (relay) => interrupt(play, relay) })
}

/** What the layout does to a machine in the middle of an answer. @param relay killed in place of `Layout.killed`, if any */
async function interrupt({ lab, layout, running, say }: Play, relay: string | null = null): Promise<void> {
  if (layout.moved !== undefined) {
    lab.renumber(layout.moved)
    say(`${layout.moved} got another address in the middle of the answer`)
  }
  if (layout.cut !== undefined) {
    lab.cut(layout.cut)
    say(`the router of ${layout.cut} drops UDP from the middle of the answer on`)
  }
  if (layout.killed === undefined) return
  const [name] = [...running].find(([, { ready }]) => ready.peerId === relay) ?? [layout.killed]
  const killed = running.get(name)
  running.delete(name)
  await killed?.node.stop('SIGKILL')
  say(`${name} was killed in the middle of the answer`)
}

/** A laptop that sleeps for three minutes and wakes at another address. @returns what was wrong */
async function sleepElsewhere(play: Play, name: string): Promise<readonly string[]> {
  const { lab, running, say } = play
  const sleeper = running.get(name)
  const watcher = [...running.values()].find(({ plan }) => plan.name !== name)
  if (sleeper === undefined || watcher === undefined) return []
  sleeper.node.process.kill('SIGSTOP')
  await sleep(systemClock, sleepMs)
  const status = await statusOf(lab, watcher)
  const believed = status?.peers.find(({ peer }) => peer === sleeper.ready.peerId)?.liveness
  lab.renumber(name)
  sleeper.node.process.kill('SIGCONT')
  const woke = systemClock.nowMs()
  await untilPathsAre(play)
  const tookMs = systemClock.nowMs() - woke
  say(`${name} slept, was ${believed ?? 'forgotten'}, and was back after ${(tookMs / 1000).toFixed(0)} s`)
  return [
    ...(believed === 'alive' ? [`${name} was believed alive while it slept`] : []),
    ...(tookMs > backMs ? [`${name} was back after ${tookMs / 1000} s only`] : []),
  ]
}

function build(lab: Lab, { sites, machines, guest, page }: Layout): void {
  for (const [name, site] of Object.entries(sites)) lab.addSite(name, site.address, site)
  for (const { name, at, walled } of machines)
    if (at in sites) lab.addMachine(name, at)
    else lab.addServer(name, at, walled)
  const site = guest?.at ?? page
  if (site !== undefined) lab.addMachine('guest', site)
  if (page !== undefined) lab.addServer('desk', deskAddress)
}

const questionWords = (code: string, { promptIds, maxTokens }: Question): readonly string[] => [
  'generate',
  code,
  '--prompt-ids',
  promptIds.join(),
  '--temperature',
  '0',
  '--max-tokens',
  `${maxTokens}`,
  '--ignore-eos',
  '--json',
  '--data',
]

const statusOf = (lab: Lab, { plan, ready }: Running): Promise<SwarmStatus | null> =>
  statusOn(lab, plan.name, ready.api)

/** Waits until each pair that runs is connected in the way that its networks allow. */
async function untilPathsAre({ lab, layout, running: byName, say }: Play, isCut = false): Promise<void> {
  const running = [...byName.values()]
  const wrong = async (): Promise<{ readonly wrong: string[]; readonly right: string[] }> => {
    const found = { wrong: [] as string[], right: [] as string[] }
    for (const from of running) {
      // Each look is a process of its own: the others are looked at when this one is right.
      if (found.wrong.length > 0) break
      const status = await statusOf(lab, from)
      for (const to of running) {
        if (to === from) continue
        const pair = [from.plan.name, to.plan.name]
        const path = status?.peers.find(({ peer }) => peer === to.ready.peerId)?.path
        const is = path?.kind ?? 'not connected'
        const told = `${pair.join('–')} ${is}`
        if (is === pathBetween(layout, pair, isCut)) found.right.push(told)
        else found.wrong.push(path === undefined ? told : `${told} (${path.why})`)
      }
    }
    return found
  }
  await untilNone(wrong, say)
}

/** Waits until those that nobody can dial have a slot at each of two relays. */
async function untilRelayedTwice(lab: Lab, layout: Layout, running: readonly Running[]): Promise<void> {
  const hidden = running.filter(({ plan }) =>
    [...layout.relayed, ...(layout.punched ?? []), layout.guest?.to ?? ''].flat().includes(plan.name),
  )
  const [watcher] = running
  await untilNone(
    async () => {
      const status = watcher === undefined ? null : await statusOf(lab, watcher)
      const wrong = hidden.filter(({ ready }) => {
        const addresses = status?.peers.find(({ peer }) => peer === ready.peerId)?.addresses ?? []
        return addresses.length < 2
      })
      return {
        wrong: wrong.map(({ plan }) => `${plan.name} has no second relay`),
        right: ['two relays each'],
      }
    },
    () => undefined,
  )
}
