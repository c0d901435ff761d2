import { Refusal, refusalSentences } from '@shoal/trust'
import type { Admission } from '../admission/admission.ts'
import type { Standings } from '../admission/standings.ts'
import { RefusedDial } from '../errors.ts'

/** What admission needs of one end of a connection. */
export interface AdmittingEnd {
  readonly peerId: string
  /** Null where everybody may connect. */
  readonly admission: Admission | null
  readonly standings: Standings
}

const refused = (peer: string, sentence: string): RefusedDial =>
  new RefusedDial('not-admitted', `${peer} does not admit this peer: ${sentence}`)

/**
 * What happens inside the encryption of a real connection: the door that both know, then one frame each way.
 * @throws {ShoalError} `not-admitted`
 */
export async function admitEachOther(dialler: AdmittingEnd, listener: AdmittingEnd): Promise<void> {
  const [dialling, listening] = [dialler.admission, listener.admission]
  if (dialling === null && listening === null) return
  const answering = new Set(
    (listening?.doors() ?? []).filter(({ answers }) => answers).map(({ door }) => door.tag),
  )
  const tag = (dialling?.doors() ?? []).find(({ door, dials }) => dials && answering.has(door.tag))?.door.tag
  if (tag === undefined || dialling === null || listening === null)
    throw refused(listener.peerId, 'it belongs to another swarm, or to a private one')
  const { frame, outcome } = await listening.answer(tag, dialler.peerId, await dialling.greet(tag))
  if (!(outcome instanceof Refusal)) listener.standings.admitted(dialler.peerId, outcome)
  try {
    dialler.standings.admitted(listener.peerId, await dialling.accept(tag, listener.peerId, frame))
  } catch (error) {
    throw error instanceof Refusal ? refused(listener.peerId, refusalSentences[error.code]) : error
  }
}
