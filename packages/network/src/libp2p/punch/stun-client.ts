import { createSocket, type Socket } from 'node:dgram'
import { messageOf, ShoalError, sleep, type Clock, type Random } from '@shoal/host'
import { limits } from '../../limits.ts'
import { encodeBindingRequest, readBindingAnswer, type Place } from './stun-message.ts'

/** How a router shows this machine to others, as far as some servers can tell. */
export interface Mapping {
  /** A server that answers. */
  readonly server: Place
  /** The router gives each destination another port: nobody can be told where packets arrive. */
  readonly varies: boolean
}

/**
 * Asks servers under which address and port this machine's packets arrive.
 * @param servers at most the first three are asked, of one family of addresses
 * @throws {ShoalError} `not-ready` when none answers
 */
export async function findMapping(
  servers: readonly Place[],
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<Mapping> {
  const six = servers[0]?.ip.includes(':') ?? false
  const asked = servers.filter(({ ip }) => ip.includes(':') === six).slice(0, limits.stunServers)
  const socket = createSocket(six ? 'udp6' : 'udp4')
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(0, resolve)
    })
    const ask = (server: Place) => askBinding(socket, server, clock, random)
    const answers = await Promise.all(asked.map(async (server) => ({ server, answer: await ask(server) })))
    const heard = answers.flatMap(({ server, answer }) => (answer === null ? [] : [{ server, answer }]))
    const [first] = heard
    if (first === undefined)
      throw new ShoalError('not-ready', 'no relay tells over UDP how this machine’s router shows it')
    // The second port of the same server; its address is not read from the packet, so that it cannot name a third party.
    const other = first.answer.other
    const second = other === null ? null : await ask({ ip: first.server.ip, port: other.port })
    const seen = [...heard.map(({ answer }) => answer.seen), ...(second === null ? [] : [second.seen])]
    const varies = seen.some(({ ip, port }) => ip !== seen[0]?.ip || port !== seen[0]?.port)
    return { server: first.server, varies }
  } catch (error) {
    throw error instanceof ShoalError
      ? error
      : new ShoalError('not-ready', `this machine sends nothing over UDP: ${messageOf(error)}`)
  } finally {
    socket.close()
  }
}

/** Asks up to three times. @returns null when nothing comes */
async function askBinding(
  socket: Socket,
  server: Place,
  clock: Clock,
  random: Random,
): Promise<ReturnType<typeof readBindingAnswer>> {
  const transaction = random.bytes(12)
  const answered = Promise.withResolvers<ReturnType<typeof readBindingAnswer>>()
  const onMessage = (packet: Uint8Array): void => {
    const answer = readBindingAnswer(packet, transaction)
    if (answer !== null) answered.resolve(answer)
  }
  socket.on('message', onMessage)
  // A packet that cannot leave has no answer.
  socket.on('error', () => undefined)
  try {
    for (const waitMs of limits.stunWaitsMs) {
      socket.send(encodeBindingRequest(transaction), server.port, server.ip, () => undefined)
      const answer = await Promise.race([answered.promise, sleep(clock, waitMs).then(() => null)])
      if (answer !== null) return answer
    }
    return null
  } finally {
    socket.off('message', onMessage)
  }
}
