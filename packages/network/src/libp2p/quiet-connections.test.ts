import type { Connection } from '@libp2p/interface'
import { createVirtualClock, silentLogger } from '@shoal/host'
import { expect, test, vi } from 'vitest'
import { limits } from '../limits.ts'
import { askQuietConnections } from './quiet-connections.ts'

interface FakeConnection {
  readonly status: string
  readonly maConn?: { readonly socket: { bytesRead: number } }
  readonly remotePeer: { toString(): string }
  readonly abort: ReturnType<typeof vi.fn>
}

const connection = (bytesRead?: number): FakeConnection => ({
  status: 'open',
  ...(bytesRead !== undefined && { maConn: { socket: { bytesRead } } }),
  remotePeer: { toString: () => 'peer' },
  abort: vi.fn(),
})

function world(connections: FakeConnection[], answer: (signal: AbortSignal) => Promise<unknown>) {
  const clock = createVirtualClock()
  const asked: unknown[] = []
  const node = { getConnections: () => connections as unknown as Connection[] }
  askQuietConnections(node, clock, silentLogger, (each, signal) => {
    asked.push(each)
    return answer(signal)
  })
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    for (let step = 0; step < 10; step += 1) await Promise.resolve()
  }
  return { asked, pass }
}

const silence = (signal: AbortSignal): Promise<unknown> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

test('only a connection on which nothing has come for a while is asked, and reset when it stays silent', async () => {
  const [busy, quiet] = [connection(0), connection(0)]
  const { asked, pass } = world([busy, quiet], silence)
  for (let turn = 0; turn < 3; turn += 1) {
    busy.maConn!.socket.bytesRead += 1
    await pass(limits.quietConnectionMs)
  }
  expect(new Set(asked)).toEqual(new Set([quiet]))
  await pass(limits.quietAnswerMs)
  expect(quiet.abort).toHaveBeenCalled()
  expect(busy.abort).not.toHaveBeenCalled()
})

test('whoever answers, or refuses, stays', async () => {
  for (const answer of [async () => 1, () => Promise.reject(new Error('no such protocol'))]) {
    const quiet = connection(7)
    const { asked, pass } = world([quiet], answer)
    for (let turn = 0; turn < 3; turn += 1) await pass(limits.quietConnectionMs)
    await pass(limits.quietAnswerMs)
    expect(asked.length).toBeGreaterThan(0)
    expect(quiet.abort).not.toHaveBeenCalled()
  }
})

test('a connection whose socket is not seen is asked less often', async () => {
  const { asked, pass } = world([connection()], async () => 1)
  for (let turn = 0; turn < 2 * limits.hiddenSocketTurns; turn += 1) await pass(limits.quietConnectionMs)
  expect(asked).toHaveLength(2)
})
