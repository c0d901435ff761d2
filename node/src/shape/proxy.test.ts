import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { seededRandom } from '@shoal/host'
import { createPreciseClock } from '@shoal/host/node'
import { afterAll, expect, test } from 'vitest'
import type { LinkShape } from './link-shape.ts'
import { startLinkProxy, type LinkProxy } from './proxy.ts'
import { createWire } from './wire.ts'

const clock = createPreciseClock()
const open: { close(): unknown }[] = [clock]
afterAll(() => Promise.all(open.reverse().map((one) => one.close())))

async function serve(onSocket: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, onSocket)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(server)
  return (server.address() as AddressInfo).port
}

async function link(targetPort: number, shape: Partial<LinkShape>): Promise<LinkProxy> {
  const whole = { rttMs: 0, mbps: null, lossPercent: 0, ...shape }
  const proxy = await startLinkProxy(clock, seededRandom(1), {
    targetPort,
    shape: whole,
    wires: { forward: [createWire(whole.mbps)], back: [createWire(whole.mbps)] },
  })
  open.push(proxy)
  return proxy
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return socket
}

const roundTrip = (socket: Socket): Promise<number> =>
  new Promise((resolve) => {
    const startMs = clock.nowMs()
    socket.once('data', () => resolve(clock.nowMs() - startMs))
    socket.write('?')
  })

test('a round trip takes what the link says, and not much longer', async () => {
  const echo = await serve((socket) => socket.pipe(socket))
  const socket = await dial((await link(echo, { rttMs: 7 })).port)
  await roundTrip(socket)
  const times: number[] = []
  for (let turn = 0; turn < 40; turn += 1) times.push(await roundTrip(socket))
  times.sort((a, b) => a - b)
  expect(times[0]).toBeGreaterThanOrEqual(7)
  // The fastest, since other programs may hold the processor. The delay is added once.
  expect(times[0]).toBeLessThan(14)
  socket.destroy()
})

test('bytes come whole, in order and no faster than the link; a fast sender has to wait', async () => {
  const sent = Uint8Array.from({ length: 400_000 }, (_, i) => i % 251)
  const received: Buffer[] = []
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const port = await serve((socket) => {
    socket.on('data', (chunk) => received.push(chunk))
    socket.on('end', () => {
      socket.end()
      resolve()
    })
  })
  const socket = await dial((await link(port, { rttMs: 4, mbps: 16 })).port)
  const startMs = clock.nowMs()
  socket.end(sent)
  await ended
  // 400,000 bytes at 2,000 a millisecond.
  expect(clock.nowMs() - startMs).toBeGreaterThanOrEqual(200)
  expect(Buffer.concat(received).equals(sent)).toBe(true)
})

test('nobody behind the link: whoever dialled is cut off', async () => {
  const gone = createServer()
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
  const { port } = gone.address() as AddressInfo
  await new Promise((resolve) => gone.close(resolve))
  const socket = await dial((await link(port, { rttMs: 2 })).port)
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve))
  expect(error.code).toBe('ECONNRESET')
})

test('a far end that is cut off cuts off the near one, an orderly end ends it', async () => {
  const ends: ((socket: Socket) => void)[] = [
    (socket) => void socket.resetAndDestroy(),
    (socket) => void socket.end('bye'),
  ]
  const port = await serve((socket) => {
    // Which of both is decided when the question comes.
    socket.once('data', () => ends.shift()?.(socket))
  })
  const { port: near } = await link(port, { rttMs: 2 })
  const [first, second] = [await dial(near), await dial(near)]
  const reset = new Promise<NodeJS.ErrnoException>((resolve) => first.once('error', resolve))
  first.write('?')
  expect((await reset).code).toBe('ECONNRESET')
  let heard = ''
  const ended = new Promise<void>((resolve) =>
    second.on('data', (chunk) => (heard += String(chunk))).once('end', resolve),
  )
  second.write('?')
  await ended
  expect(heard).toBe('bye')
  second.end()
})
