import type { noise } from '@chainsafe/libp2p-noise'
import { lpStream } from '@libp2p/utils'
import { ShoalError, timeLimit, type Clock } from '@shoal/host'
import { Refusal, limits as trustLimits } from '@shoal/trust'
import { limits } from '../../limits.ts'
import type { Admission } from '../../admission/admission.ts'
import type { Standings } from '../../admission/standings.ts'
import { refusalText } from './refusal-text.ts'

type Encrypter = ReturnType<ReturnType<typeof noise>>
type Secured = Awaited<ReturnType<Encrypter['secureInbound']>>
type SecureOptions = Parameters<Encrypter['secureInbound']>[1]

export interface Gate {
  readonly admission: Admission
  readonly standings: Standings
  readonly clock: Clock
}

/** Presents this peer to the one that it dialled, inside the encryption, and judges the answer. */
export async function admitAsDialler(
  secured: Secured,
  tag: string,
  gate: Gate,
  options: SecureOptions,
): Promise<Secured> {
  const peerId = secured.remotePeer.toString()
  return await exchange(secured, gate.clock, options, async (frames) => {
    await frames.send(await gate.admission.greet(tag))
    try {
      gate.standings.admitted(peerId, await gate.admission.accept(tag, peerId, await frames.receive()))
    } catch (error) {
      throw error instanceof Refusal ? new Error(refusalText(error), { cause: error }) : error
    }
  })
}

/** Judges a peer that dialled, inside the encryption. @throws when it is refused, after it has been told so */
export async function admitAsListener(
  secured: Secured,
  tag: string,
  gate: Gate,
  options: SecureOptions,
): Promise<Secured> {
  const peerId = secured.remotePeer.toString()
  return await exchange(secured, gate.clock, options, async (frames) => {
    const { frame, outcome } = await gate.admission.answer(tag, peerId, await frames.receive())
    // The peer may open channels as soon as it has the answer.
    if (!(outcome instanceof Refusal)) gate.standings.admitted(peerId, outcome)
    await frames.send(frame)
    if (outcome instanceof Refusal) {
      await frames.ended()
      throw new Error(refusalText(outcome), { cause: outcome })
    }
  })
}

interface Frames {
  send(frame: Uint8Array): Promise<void>
  receive(): Promise<Uint8Array>
  /** The other side has read what was sent and hung up, or a moment has passed: a reset at once would overtake it. */
  ended(): Promise<void>
}

async function exchange(
  secured: Secured,
  clock: Clock,
  options: SecureOptions,
  admit: (frames: Frames) => Promise<void>,
): Promise<Secured> {
  const stream = lpStream(secured.connection, { maxDataLength: trustLimits.maxFrameBytes })
  const late = (): ShoalError => new ShoalError('deadline-passed', 'no frame of admission came in time')
  const limit = timeLimit(clock, limits.admissionTimeoutMs, late, options?.signal)
  const { signal } = limit
  try {
    await admit({
      send: (frame) => stream.write(frame, { signal }),
      receive: async () => (await stream.read({ signal })).subarray(),
      async ended() {
        const moment = timeLimit(clock, limits.refusalLingerMs, late, signal)
        await stream.read({ signal: moment.signal }).catch(() => undefined)
        moment.clear()
      },
    })
    return { ...secured, connection: stream.unwrap() }
  } finally {
    limit.clear()
  }
}
