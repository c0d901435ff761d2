import { messageOf, ShoalError, silentLogger } from '@shoal/host'
import {
  connectDirect,
  createOffers,
  createSocketChannel,
  listenDirect,
  type DirectServer,
  type Offer,
} from '@shoal/network/direct'
import { protocols } from '@shoal/protocol'
import type { TLSSocket } from 'node:tls'
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { CreateThreadSum, ThreadSum } from '@shoal/runtime'
import { createGroupRank, type GroupRank } from '../rank/group-rank.ts'
import { groupTimes } from '../limits.ts'
import { createRankLink } from '../rank-link.ts'
import type { FromThread, ToThread } from './thread-messages.ts'

interface Group {
  readonly rank: number
  readonly peers: readonly { readonly peer: string }[]
  readonly ranks: GroupRank
  readonly ending: AbortController
  using: boolean
  /** What has ended a lane before they were in use. */
  lost: (() => void) | null
}

/**
 * Sums in the thread that computes, over sockets that it owns: what it waits for wakes nobody else on the way. Loaded by
 * that thread (`SumThread`); the other side is `rank-thread-control.ts`, which also settles the sockets with the other ranks.
 */
export function createThreadSum(
  port: MessagePort,
  { clock, random }: Parameters<CreateThreadSum>[1],
): ThreadSum {
  const offers = createOffers(clock, random)
  const servers = new Map<string, Promise<DirectServer>>()
  const spent = { sums: 0, ms: 0 }
  let group: Group | null = null

  const tell = (message: FromThread): void => port.postMessage(message)
  const end = (error: ShoalError): void => {
    const over = group
    group = null
    over?.ending.abort(error)
    over?.ranks.close(error)
    for (const { peer } of over?.peers ?? []) offers.withdraw(peer)
  }
  const laneOver = (socket: TLSSocket, peer: string): ReturnType<typeof createSocketChannel> => {
    // The thread ends with its device; a lane must not keep it.
    socket.unref()
    return createSocketChannel(socket, peer, protocols.group, clock)
  }
  const attach = (of: Group, rank: number, channel: ReturnType<typeof createSocketChannel>): void => {
    if (of !== group) {
      channel.abort(new ShoalError('cancelled', 'this group is over'))
      return
    }
    const link = createRankLink(channel, silentLogger)
    link.onMessage((message, values) => {
      if (message.type !== 'group-part')
        throw new ShoalError('bad-frame', `'${message.type}' does not come over a lane`)
      of.ranks.receive(rank, message, values)
    })
    of.ranks.attach(rank, link)
  }
  const form = ({ group: id, rank, peers, sums }: Extract<ToThread, { type: 'form' }>): void => {
    end(new ShoalError('cancelled', 'another group is formed'))
    const ranks = createGroupRank({
      clock,
      rank,
      peers,
      sums,
      onLost(other, { code, message, definite }) {
        if (group?.ranks !== ranks) return
        group.lost = () => tell({ type: 'lost', group: id, rank: other, error: { code, message, definite } })
        // While sums go through the channels, these say who is there.
        if (group.using) group.lost()
      },
    })
    group = { rank, peers, ranks, ending: new AbortController(), using: false, lost: null }
  }
  const accept = (channel: ReturnType<typeof createSocketChannel>, { protocol }: Offer): void => {
    // The offer's name says for which rank it was made.
    const rank = Number(protocol)
    if (group !== null && group.peers[rank]?.peer === channel.remotePeer) attach(group, rank, channel)
    else channel.abort(new ShoalError('cancelled', 'this group is over'))
  }
  const listen = async (
    of: Group,
    { ask, from, host }: Extract<ToThread, { type: 'listen' }>,
  ): Promise<void> => {
    try {
      const peer = of.peers[from]?.peer
      if (peer === undefined) throw new ShoalError('bad-request', `there is no rank ${from}`)
      const known =
        servers.get(host) ??
        listenDirect(
          host,
          offers,
          (socket, offer) => accept(laneOver(socket, offer.peer), offer),
          silentLogger,
        )
      servers.set(host, known)
      const server = await known.catch((error: unknown) => {
        servers.delete(host)
        throw error
      })
      server.unref()
      if (of !== group) throw new ShoalError('cancelled', 'this group is over')
      const { identity, key } = offers.make(peer, String(from))
      tell({ type: 'listening', ask, offer: { port: server.port, identity, key } })
    } catch (error) {
      tell({ type: 'lane', ask, error: messageOf(error) })
    }
  }
  const connect = async (
    of: Group,
    { ask, to, host, offer }: Extract<ToThread, { type: 'connect' }>,
  ): Promise<void> => {
    const timer = clock.after(groupTimes.laneTimeoutMs, () =>
      late.abort(new ShoalError('deadline-passed', `no lane within ${groupTimes.laneTimeoutMs} ms`)),
    )
    const late = new AbortController()
    try {
      const peer = of.peers[to]?.peer ?? ''
      const socket = await connectDirect(host, offer, AbortSignal.any([late.signal, of.ending.signal]))
      attach(of, to, laneOver(socket, peer))
      tell({ type: 'lane', ask, error: null })
    } catch (error) {
      tell({ type: 'lane', ask, error: messageOf(error) })
    } finally {
      timer.cancel()
    }
  }
  const receive = (message: ToThread): void => {
    switch (message.type) {
      case 'form':
        form(message)
        return
      case 'listen':
        if (group !== null) void listen(group, message)
        return
      case 'connect':
        if (group !== null) void connect(group, message)
        return
      case 'use':
        if (group === null) return
        group.using = true
        group.lost?.()
        return
      case 'begin':
        group?.ranks.collective.begin(message.call)
        return
      case 'fail':
        group?.ranks.collective.fail(message.call, errorOf(message.error))
        return
      case 'end':
        end(errorOf(message.error))
        return
      case 'report':
        tell({ type: 'spent', ask: message.ask, ...spent })
        return
    }
  }
  // What was sent before a call is here before it, but may not have been delivered yet.
  const catchUp = (): void => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
      receive(next.message as ToThread)
  }

  port.on('message', receive)
  port.on('close', () => {
    end(new ShoalError('not-ready', 'this share has been released'))
    offers.close()
    for (const server of servers.values())
      void server.then(
        (one) => one.close(),
        () => undefined,
      )
  })
  port.unref()
  tell({ type: 'ready' })

  return (partial) => {
    catchUp()
    if (group === null || !group.using) return null
    const beganMs = clock.nowMs()
    return group.ranks.collective.sum(partial).finally(() => {
      spent.sums += 1
      spent.ms += clock.nowMs() - beganMs
    })
  }
}

function errorOf({
  code,
  message,
  definite,
}: {
  readonly code: ConstructorParameters<typeof ShoalError>[0]
  readonly message: string
  readonly definite: boolean
}): ShoalError {
  return new ShoalError(code, message, { definite })
}
