import { messageOf, ShoalError, type Clock } from '@shoal/host'
import type { CreateThreadSum, ThreadSum } from '@shoal/runtime'
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { LaneSockets } from './lane-sockets.ts'
import { groupOver, ThreadGroup } from './thread-group.ts'
import { errorOf, type FromThread, type ToThread } from './thread-messages.ts'

/**
 * Makes sums in the computing thread itself, over sockets that the thread owns, so that no other thread has to wake up
 * for a sum. The computing thread loads this module by its URL (`SumThread`). The main thread's side is
 * `rank-thread-control.ts`, which also agrees with the other ranks on the sockets.
 */
export function createThreadSum(
  port: MessagePort,
  { clock, random }: Parameters<CreateThreadSum>[1],
): ThreadSum {
  const worker = new RankWorker(port, clock, random)
  const spent = worker.spent
  // Messages sent before a call have arrived by now, but the event loop may not have delivered them.
  const catchUp = (): void => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
      worker.receive(next.message as ToThread)
  }
  port.on('message', (message: ToThread) => worker.receive(message))
  port.on('close', () => worker.close())
  port.unref()
  worker.tell({ type: 'ready' })

  return (partial) => {
    catchUp()
    const { group } = worker
    if (group === null || !group.using) return null
    const beganMs = clock.nowMs()
    return group.sum(partial).finally(() => {
      spent.sums += 1
      spent.ms += clock.nowMs() - beganMs
    })
  }
}

class RankWorker {
  /** How many sums the thread has made, and how long it waited for them. */
  readonly spent = { sums: 0, ms: 0 }
  readonly #port: MessagePort
  readonly #clock: Clock
  readonly #sockets: LaneSockets
  #group: ThreadGroup | null = null

  constructor(port: MessagePort, clock: Clock, random: Parameters<CreateThreadSum>[1]['random']) {
    this.#port = port
    this.#clock = clock
    this.#sockets = new LaneSockets(clock, random, (rank, channel) => {
      const group = this.#group
      if (group !== null && group.peers[rank]?.peer === channel.remotePeer) group.attach(rank, channel)
      else channel.abort(groupOver())
    })
  }

  get group(): ThreadGroup | null {
    return this.#group
  }

  readonly tell = (message: FromThread): void => this.#port.postMessage(message)

  receive(message: ToThread): void {
    const group = this.#group
    switch (message.type) {
      case 'form':
        this.#end(new ShoalError('cancelled', 'another group is formed'))
        this.#group = new ThreadGroup(this.#clock, message, this.tell)
        return
      case 'listen':
        if (group !== null) this.#answer(message.ask, this.#listen(group, message))
        return
      case 'connect':
        if (group !== null) this.#answer(message.ask, this.#connect(group, message))
        return
      case 'use':
        group?.use()
        return
      case 'begin':
        group?.begin(message.call)
        return
      case 'fail':
        group?.fail(message.call, errorOf(message.error))
        return
      case 'end':
        this.#end(errorOf(message.error))
        return
      case 'report':
        this.tell({ type: 'spent', ask: message.ask, ...this.spent })
        return
    }
  }

  close(): void {
    this.#end(new ShoalError('not-ready', 'this share has been released'))
    this.#sockets.close()
  }

  #end(error: ShoalError): void {
    const group = this.#group
    this.#group = null
    group?.end(error)
    this.#sockets.withdraw(group?.peers ?? [])
  }

  #answer(ask: number, answer: Promise<FromThread>): void {
    answer.then(this.tell, (error: unknown) => this.tell({ type: 'lane', ask, error: messageOf(error) }))
  }

  async #listen(
    group: ThreadGroup,
    { ask, from, host }: Extract<ToThread, { type: 'listen' }>,
  ): Promise<FromThread> {
    const peer = group.peers[from]?.peer
    if (peer === undefined) throw new ShoalError('bad-request', `there is no rank ${from}`)
    const server = await this.#sockets.listen(host)
    if (group.ended.aborted) throw groupOver()
    return { type: 'listening', ask, offer: this.#sockets.offer(server, peer, from) }
  }

  async #connect(
    group: ThreadGroup,
    { ask, to, host, offer }: Extract<ToThread, { type: 'connect' }>,
  ): Promise<FromThread> {
    const peer = group.peers[to]?.peer ?? ''
    group.attach(to, await this.#sockets.connect(host, offer, peer, group.ended))
    return { type: 'lane', ask, error: null }
  }
}
