import type { Channel } from '@shoal/network'
import {
  decodeSession,
  encodeSession,
  protocols,
  type OpenSession,
  type SessionMessage,
  type Step,
} from '@shoal/protocol'
import type { RouteSessionOptions } from '../coordinator/route-session-options.ts'
import { fakeManifestId } from './fake-node.ts'
import type { FakeSwarm } from './fake-swarm.ts'

/** A peer that follows no rule: it sends what it is told to, and keeps the answers. */
export interface Hostile {
  readonly channel: Channel
  readonly answers: SessionMessage[]
  send(message: SessionMessage, hidden?: Float32Array): Promise<void>
}

export async function connectHostile(
  swarm: FakeSwarm,
  target = 'node-0',
  name = 'mallory',
): Promise<Hostile> {
  const transport = swarm.network.createTransport(name)
  await transport.dial(`/memory/${target}/p2p/${target}`, { signal: new AbortController().signal })
  const channel = await transport.open(target, protocols.session, { signal: new AbortController().signal })
  const answers: SessionMessage[] = []
  channel.onFrame((frame) => void answers.push(decodeSession(frame).message))
  return { channel, answers, send: (message, hidden) => channel.send(...encodeSession(message, hidden)) }
}

/** An `open` of a session of the hostile peer's own. */
export const open = (change: Partial<OpenSession> = {}): OpenSession => ({
  type: 'open',
  session: 'theirs',
  manifest: fakeManifestId,
  profile: 'f32',
  start: 0,
  end: 2,
  epoch: 0,
  tokenBudget: 64,
  wire: 'f32',
  previous: 'mallory',
  next: { peer: 'mallory', addresses: [], coordinator: true },
  ...change,
})
/** The first step of that session. */
export const step = (change: Partial<Step> = {}): Step => ({
  type: 'step',
  session: 'theirs',
  start: 0,
  epoch: 0,
  position: 0,
  rows: 1,
  step: 0,
  rewind: false,
  want: 'last',
  ...change,
})

/** A victim's session, whose id the attacker knows. */
export const victim: Partial<RouteSessionOptions> = { session: 'victim' }
