import type { Connection } from '@libp2p/interface'
import { createVirtualClock, silentLogger } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { SilentConnections, type ConnectedNode } from './silent-connections.ts'

type Manner = 'answers' | 'silent' | 'refuses'

/** What is looked at of a connection. */
class FakeConnection {
  readonly remotePeer = 'peer'
  readonly remoteAddr = '/ip4/192.0.2.1/tcp/1'
  readonly maConn = { socket: { bytesRead: 0 } }
  status = 'open'
  /** What it does each time it is asked; the last of these from then on. */
  readonly manners: Manner[]
  constructor(manners: readonly Manner[]) {
    this.manners = [...manners]
  }
  abort(): void {
    this.status = 'aborted'
  }
}

const asConnection = (fake: FakeConnection): Connection => fake as unknown as Connection

function world() {
  const clock = createVirtualClock()
  const connections: FakeConnection[] = []
  const events = new EventTarget()
  const node = {
    getConnections: () => connections.map(asConnection),
    addEventListener: (type: string, listener: (event: CustomEvent<Connection>) => void) =>
      events.addEventListener(type, (event) => listener(event as CustomEvent<Connection>)),
  } as unknown as ConnectedNode
  const ask = (connection: Connection, signal: AbortSignal): Promise<void> => {
    const { manners } = connection as unknown as FakeConnection
    const manner = manners.length > 1 ? manners.shift() : manners[0]
    if (manner === 'answers') return Promise.resolve()
    if (manner === 'refuses') return Promise.reject(new Error('too many streams'))
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  new SilentConnections(node, clock, silentLogger, ask).listen()
  const connect = (...manners: readonly Manner[]): FakeConnection => {
    const fake = new FakeConnection(manners)
    connections.push(fake)
    events.dispatchEvent(new CustomEvent('connection:open', { detail: fake }))
    return fake
  }
  const pass = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      await settled()
      clock.advance(limits.silentConnectionMs)
    }
    await settled()
  }
  return { connect, pass }
}

test('an older connection that is silent while the newer one is answered is reset', async () => {
  const { connect, pass } = world()
  const older = connect('silent')
  const newer = connect('answers')
  await pass(1)
  expect(older.status).toBe('open')
  await pass(1)
  expect([older.status, newer.status]).toEqual(['aborted', 'open'])
})

test.each<readonly [string, readonly Manner[], Manner]>([
  ['answers later', ['silent', 'answers'], 'answers'],
  ['refuses, which is an answer', ['silent', 'refuses'], 'answers'],
  ['is no more silent than the newer one', ['silent'], 'silent'],
])('an older connection stays that %s', async (_what, manners, ofNewer) => {
  const { connect, pass } = world()
  const older = connect(...manners)
  connect(ofNewer)
  await pass(4)
  expect(older.status).toBe('open')
})

test('an older connection stays on which something else comes than the answer', async () => {
  const { connect, pass } = world()
  const older = connect('silent')
  connect('answers')
  await pass(1)
  older.maConn.socket.bytesRead += 1
  await pass(3)
  expect(older.status).toBe('open')
})
