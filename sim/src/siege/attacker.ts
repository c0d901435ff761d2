/**
 * The process of the attacker: `attacker.ts` is told over its IPC channel whom to attack and how, when to begin and when
 * to rest, and answers with what its attacks have counted.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import net from 'node:net'
import { sleep } from '@shoal/host'
import { exitWithParent, systemClock } from '@shoal/host/node'
import { Besieger, type Target } from './attack.ts'
import { attacksNamed } from './attacks/index.ts'
import { besiegersAddress } from './attacks/sockets.ts'

/** From the harness. */
export type Order =
  | { readonly order: 'begin'; readonly attack: string; readonly target: Target }
  | { readonly order: 'load'; readonly cpuShare: number }
  | { readonly order: 'count' }
  | { readonly order: 'rest' }

/** To the harness, after `count` and after `rest`. */
export interface Counted {
  readonly counts: Readonly<Record<string, number>>
}

/** Attacks that come at once come from a network each, so that none of them uses up what another one may have. */
const networks = new AsyncLocalStorage<string>()

/** libp2p dials from any address; attackers must be in another network than honest peers. */
function dialFromBesiegersAddress(): void {
  const dial = net.connect.bind(net)
  const from = (options: net.NetConnectOpts): net.NetConnectOpts =>
    'port' in options ? { ...options, localAddress: networks.getStore() ?? besiegersAddress } : options
  Object.assign(net, { connect: (options: net.NetConnectOpts) => dial(from(options)) })
}

let controller = new AbortController()
let running: Promise<unknown> = Promise.resolve()
let besieger: Besieger | null = null

/** Uses this part of a processor, as far as others leave it, and sends nothing. */
async function load(cpuShare: number, signal: AbortSignal): Promise<void> {
  const before = process.cpuUsage()
  const startMs = systemClock.nowMs()
  const usedMs = (): number => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  while (!signal.aborted) {
    const dueMs = (systemClock.nowMs() - startMs) * cpuShare
    const untilMs = systemClock.nowMs() + Math.min(dueMs - usedMs(), loadSliceMs)
    while (systemClock.nowMs() < untilMs);
    await sleep(systemClock, 1, signal).catch(() => undefined)
  }
}

/** As long as an attack works at a stretch: a key, or a step of rows. */
const loadSliceMs = 5

async function obey(order: Order): Promise<void> {
  if (order.order === 'load') {
    controller = new AbortController()
    besieger = null
    running = load(order.cpuShare, controller.signal)
    return
  }
  if (order.order === 'begin') {
    controller = new AbortController()
    const begun = new Besieger(order.target, controller.signal)
    besieger = begun
    running = Promise.all(
      attacksNamed(order.attack).map((attack, index) =>
        networks
          .run(`127.66.${index}.1`, () => attack.run(begun))
          .catch((error: unknown) => {
            if (!begun.over) process.stderr.write(`${attack.name} has ended: ${String(error)}\n`)
          }),
      ),
    )
    return
  }
  if (order.order === 'rest') {
    controller.abort(new Error('a pause'))
    await besieger?.close()
    await running
  }
  const counted: Counted = { counts: Object.fromEntries(besieger?.counts ?? []) }
  process.send?.(counted)
}

exitWithParent()
// Between its orders nothing else keeps this process alive.
process.channel?.ref()
dialFromBesiegersAddress()
process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
})
// An attacked peer ends channels in every way; nothing that an attack has not caught may end the attack.
process.on('unhandledRejection', () => undefined)
process.on('uncaughtException', (error) => process.stderr.write(`attacker: ${String(error)}\n`))
