import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ShoalError, sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { firstDifference } from '../kills/answer.ts'
import type { FromGuest, ToGuest } from './guest-messages.ts'
import type { GuestPlan } from './layout.ts'
import type { Lab } from './namespaces.ts'
import type { Question } from './play-layout.ts'
import { within } from './waiting.ts'

const program = fileURLToPath(new URL('./guest.ts', import.meta.url))

/** What a client plays in. */
export interface GuestStage {
  readonly lab: Lab
  readonly plan: GuestPlan
  /** Its invite. */
  readonly code: string
  readonly folder: string
  /** Id of the peer to which its path is looked at. */
  readonly peer: string
  readonly question: Question
  /** Does what the layout does in the middle of an answer. @param relay the one that joins the client and the peer; null for none */
  readonly interrupt: (relay: string | null) => Promise<void>
  readonly say: (line: string) => void
}

/**
 * A client that stays: it is asked once, so that its path to a hidden peer settles, and once more while that path, its relay,
 * or both die. @returns what was wrong
 */
export async function playGuest(stage: GuestStage): Promise<readonly string[]> {
  const { lab, plan, code, folder, question } = stage
  const line = [...lab.within('guest'), process.execPath, program, code, folder]
  const child = spawn(line[0] ?? '', line.slice(1), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const guest = new Guest(child)
  try {
    await within(guest.hear('ready'), 'the client has joined')
    const first = await guest.ask(question)
    const wrong = differences(first, question, 'the first answer')
    const relay = await untilPathIs(stage, guest, plan.path)
    const answer = guest.ask(question)
    answer.catch(() => undefined)
    await within(Promise.race([guest.hear('begun'), answer]), 'the second answer has begun')
    await sleep(systemClock, 200)
    await stage.interrupt(relay)
    const isOver = await Promise.race([answer.then(() => true), sleep(systemClock, 0).then(() => false)])
    const second = await answer
    stage.say(
      `the client got ${second.tokenIds.length} tokens, ${second.failovers} failovers, ${second.tokensPerSecond.toFixed(1)} tokens/s`,
    )
    wrong.push(...differences(second, question, 'the answer'))
    if (isOver) wrong.push('the answer was over before anything happened')
    if (plan.mustFail && second.failovers === 0) wrong.push('nothing was lost')
    await untilPathIs(stage, guest, plan.pathAfter)
    wrong.push(...differences(await guest.ask(question), question, 'a later answer'))
    return wrong
  } finally {
    child.kill('SIGKILL')
  }
}

type Answer = Extract<FromGuest, { kind: 'answer' }>

function differences(answer: Answer, question: Question, which: string): string[] {
  const apart = firstDifference(answer.tokenIds, question.tokenIds)
  return apart === null ? [] : [`${which} has other tokens than that of one process from token ${apart} on`]
}

/** @returns the relay of that path */
async function untilPathIs(
  { peer, plan, say }: GuestStage,
  guest: Guest,
  wanted: string,
): Promise<string | null> {
  const startMs = systemClock.nowMs()
  let last = ''
  const look = async (): Promise<string | null> => {
    for (;;) {
      const { peers } = await guest.paths()
      const path = peers.find((each) => each.peer === peer)?.path ?? null
      last = `${path?.kind ?? 'not connected'}${path?.why === undefined ? '' : ` (${path.why})`}`
      if (path?.kind === wanted) return path.relay
      await sleep(systemClock, 500)
    }
  }
  const relay = await within(look(), `the client is ${wanted} to ${plan.to}`).catch((error: unknown) => {
    throw new ShoalError('deadline-passed', `the client is ${last} to ${plan.to}, not ${wanted}`, {
      cause: error,
    })
  })
  const seconds = ((systemClock.nowMs() - startMs) / 1000).toFixed(0)
  say(`the client is ${wanted} to ${plan.to} after ${seconds} s`)
  return relay
}

/** A client in a process of its own. */
class Guest {
  readonly #child: ChildProcess
  readonly #waiting = new Set<(message: FromGuest) => void>()
  /** Messages that nobody has waited for yet. */
  readonly #heard: FromGuest[] = []

  constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (message: FromGuest) => {
      this.#heard.push(message)
      for (const each of this.#waiting) each(message)
    })
    child.once('exit', () => {
      for (const each of this.#waiting) each({ kind: 'failed', why: 'it has ended' })
    })
  }

  /** The next message of a kind. @throws {Error} when the client fails first */
  hear<Kind extends FromGuest['kind']>(kind: Kind): Promise<Extract<FromGuest, { kind: Kind }>> {
    const isIt = (message: FromGuest): message is Extract<FromGuest, { kind: Kind }> => message.kind === kind
    return new Promise((resolve, reject) => {
      const take = (message: FromGuest): void => {
        if (message.kind !== 'failed' && !isIt(message)) return
        this.#waiting.delete(take)
        this.#heard.splice(0, this.#heard.indexOf(message) + 1)
        if (isIt(message)) resolve(message)
        else if (message.kind === 'failed') reject(new Error(`the client: ${message.why}`))
      }
      this.#waiting.add(take)
      const past = this.#heard.find((message) => message.kind === 'failed' || isIt(message))
      if (past !== undefined) take(past)
    })
  }

  paths(): Promise<Extract<FromGuest, { kind: 'paths' }>> {
    return this.#send({ kind: 'paths' }, 'paths')
  }

  ask({ promptIds, maxTokens }: Question): Promise<Answer> {
    return within(this.#send({ kind: 'ask', promptIds, maxTokens }, 'answer'), 'the answer is complete')
  }

  #send<Kind extends FromGuest['kind']>(
    message: ToGuest,
    kind: Kind,
  ): Promise<Extract<FromGuest, { kind: Kind }>> {
    const answer = this.hear(kind)
    this.#child.send(message)
    return answer
  }
}
