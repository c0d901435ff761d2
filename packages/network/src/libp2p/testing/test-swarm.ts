import {
  decodeAdmit,
  decodeAnswer,
  encodeAdmit,
  encodeRefused,
  encodeWelcome,
  judgeChain,
  Refusal,
  signGrant,
  swarmDoor,
  swarmIdOf,
  type Door,
  type Grant,
  type Role,
  type Standing,
} from '@shoal/trust'
import type { Admission } from '../../admission/admission.ts'
import { createPeerKey, peerIdOfKey, rawKeyOf, signerOf, verifyWithKey } from '../keys.ts'

/** A member of a private swarm, as its transport needs it. */
export interface TestMember {
  readonly privateKey: Uint8Array
  readonly admission: Admission
}

/** A private swarm with one secret and one root key, for tests of transports. */
export interface TestSwarm {
  /** `change` makes its grant differ from a valid one. */
  member(role: Role, change?: (grant: Grant) => Partial<Grant>): Promise<TestMember>
  /** From now on its grants are worth nothing, and its connections end. */
  revoke(member: TestMember): void
  /** Knows the secret, and shows the grant of another member. */
  impostor(member: TestMember): Promise<TestMember>
  setNow(seconds: number): void
}

export const dayOfGrants = 1_800_000_000

export async function createTestSwarm(secret = new Uint8Array(16).fill(7)): Promise<TestSwarm> {
  const root = signerOf(await createPeerKey())
  const swarm = swarmIdOf(root.key)
  const chains = new Map<Admission, readonly Uint8Array[]>()
  const ended: ((peerId: string) => void)[] = []
  const revoked = new Set<string>()
  let nowSeconds = dayOfGrants
  let serials = 0

  const admissionWith = (chain: readonly Uint8Array[]): Admission => {
    const judge = (peerId: string, shown: readonly Uint8Array[]) => {
      const subject = rawKeyOf(peerId)
      if (subject === undefined) throw new Refusal('no-grant')
      const isRevoked = (): boolean => revoked.has(peerId)
      return judgeChain(shown, { swarm, subject, nowSeconds, isRevoked }, verifyWithKey)
    }
    const admission = admissionOf(swarm, swarmDoor(secret), chain, judge, (listener) => ended.push(listener))
    chains.set(admission, chain)
    return admission
  }

  return {
    async member(role, change = () => ({})) {
      const privateKey = await createPeerKey()
      const { key: subject } = signerOf(privateKey)
      serials += 1
      const grant: Grant = {
        swarm,
        subject,
        role,
        serial: new Uint8Array(8).fill(serials),
        from: dayOfGrants,
        until: dayOfGrants + 3600,
        issuer: root.key,
      }
      return {
        privateKey,
        admission: admissionWith([await signGrant({ ...grant, ...change(grant) }, root.sign)]),
      }
    },
    revoke({ privateKey }) {
      const peerId = peerIdOfKey(privateKey)
      revoked.add(peerId)
      for (const listener of ended) listener(peerId)
    },
    async impostor({ admission }) {
      return { privateKey: await createPeerKey(), admission: admissionWith(chains.get(admission) ?? []) }
    },
    setNow: (seconds) => void (nowSeconds = seconds),
  }
}

function admissionOf(
  swarm: Uint8Array,
  door: Door,
  chain: readonly Uint8Array[],
  judge: (peerId: string, shown: readonly Uint8Array[]) => Promise<Standing>,
  onEnded: (listener: (peerId: string) => void) => void,
): Admission {
  return {
    doors: () => [{ door, dials: true, answers: true }],
    onDoors: () => undefined,
    greet: () => Promise.resolve(encodeAdmit({ swarm, wants: 'client', chain })),
    async answer(_tag, peerId, frame) {
      try {
        const outcome = await judge(peerId, decodeAdmit(frame).chain)
        return { frame: encodeWelcome({ swarm, chain, gift: null }), outcome }
      } catch (error) {
        const outcome = error instanceof Refusal ? error : new Refusal('no-grant')
        return { frame: encodeRefused(outcome.code), outcome }
      }
    },
    async accept(_tag, peerId, frame) {
      const answer = decodeAnswer(frame)
      if (answer.type === 'refused') throw new Refusal(answer.code)
      return judge(peerId, answer.chain)
    },
    onEnded,
  }
}
