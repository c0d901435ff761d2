import { createSocket } from 'node:dgram'
import { sleep, type Clock } from '@shoal/host'
import { limits } from '../limits.ts'
import type { Place } from './messages.ts'

/**
 * Asks one place over UDP, again when nothing comes, since packets may be lost. Packets of other senders are not read.
 * @param ask the question, given the address of this machine from which it goes
 * @param read undefined for a packet that is no answer
 * @returns null when nothing comes
 */
export async function askByUdp<Answer>(
  place: Place,
  ask: (own: string) => Uint8Array,
  read: (packet: Uint8Array) => Answer | undefined,
  clock: Clock,
): Promise<Answer | null> {
  const socket = createSocket('udp4')
  const answered = Promise.withResolvers<Answer | null>()
  // Nobody listens there, or there is no way to it.
  socket.on('error', () => answered.resolve(null))
  socket.on('message', (packet) => {
    const answer = read(packet)
    if (answer !== undefined) answered.resolve(answer)
  })
  const connected = new Promise<void>((resolve) => socket.connect(place.port, place.ip, () => resolve()))
  try {
    await Promise.race([connected, answered.promise])
    const question = ask(socket.address().address)
    for (const waitMs of limits.routerWaitsMs) {
      socket.send(question, (error) => {
        if (error !== null) answered.resolve(null)
      })
      const answer = await Promise.race([answered.promise, sleep(clock, waitMs).then(() => undefined)])
      if (answer !== undefined) return answer
    }
    return null
  } catch {
    // The socket could not be connected, so it has no address.
    return null
  } finally {
    socket.close()
  }
}
