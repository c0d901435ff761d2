import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A TCP relay that counts and can hold back the bytes that it passes: a link that the test controls. */
export interface MeteredProxy {
  readonly port: number
  /** Bytes passed from the target to the connecting side. */
  readonly passedBytes: number
  /** Passes this many more bytes to the connecting side, then pauses. Resolves when they have passed. */
  allow(bytes: number): Promise<void>
  close(): Promise<void>
}

export async function startMeteredProxy(targetPort: number): Promise<MeteredProxy> {
  const sockets = new Set<Socket>()
  let passedBytes = 0
  let budget = Number.POSITIVE_INFINITY
  let spent: () => void = () => undefined
  const waiting = new Set<Socket>()

  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      const other = socket === near ? far : near
      // A killed process resets its connections, as the test intends.
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        waiting.delete(socket)
        other.destroy()
      })
    }
    near.pipe(far)
    far.on('data', (chunk) => {
      passedBytes += chunk.byteLength
      budget -= chunk.byteLength
      near.write(chunk)
      if (budget > 0) return
      far.pause()
      waiting.add(far)
      spent()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get passedBytes() {
      return passedBytes
    },
    allow(bytes) {
      budget = bytes
      const over = new Promise<void>((resolve) => {
        spent = resolve
      })
      for (const socket of waiting) socket.resume()
      waiting.clear()
      return over
    },
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => void server.close(() => resolve()))
    },
  }
}
