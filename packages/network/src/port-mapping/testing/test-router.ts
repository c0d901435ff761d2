import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RouterPlaces } from '../router.ts'
import { elementIn } from '../upnp-service.ts'

export interface TestRouterOptions {
  readonly speaks: 'pcp' | 'nat-pmp' | 'upnp'
  /** Its own address. Default: one of the internet. */
  readonly external?: string
  /** Code with which it refuses every mapping. */
  readonly refuses?: number
  /** Packets that it does not get. Default: 0. */
  readonly loses?: number
  /** Ports that it forwards to others. */
  readonly taken?: readonly number[]
}

/** A router on loopback, which forwards nothing and remembers what it was asked. */
export interface TestRouter {
  readonly places: RouterPlaces
  /** By external port: the internal port, and the seconds that were asked for last. */
  readonly mappings: Map<number, { readonly internal: number; readonly seconds: number }>
  close(): void
}

const host = '127.0.0.1'
const service = 'urn:schemas-upnp-org:service:WANIPConnection:1'
const description = `<root><device><serviceList><service><serviceType>${service}</serviceType><controlURL>/ctl</controlURL></service></serviceList></device></root>`

export async function startTestRouter(options: TestRouterOptions): Promise<TestRouter> {
  const table = new Table(options)
  let lost = options.loses ?? 0
  const control = await udp((packet) => {
    lost -= 1
    return lost >= 0 || options.speaks === 'upnp' ? null : answerControl(packet, options, table)
  })
  const http = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => void pieces.push(piece))
    request.on('end', () => {
      const answer =
        request.method === 'GET' ? description : answerCall(Buffer.concat(pieces).toString(), options, table)
      response.writeHead(answer.includes('errorCode') ? 500 : 200, { 'content-type': 'text/xml' }).end(answer)
    })
  })
  await new Promise<void>((resolve) => http.listen(0, host, resolve))
  const search = await udp(() => {
    if (options.speaks !== 'upnp') return null
    const location = `http://${host}:${portOf(http)}/description.xml`
    const type = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1'
    return Buffer.from(`HTTP/1.1 200 OK\r\nST: ${type}\r\nLOCATION: ${location}\r\n\r\n`)
  })
  return {
    places: {
      gatewayOf: () => ({ ip: host, port: control.address().port }),
      search: { ip: host, port: search.address().port },
    },
    mappings: table.mappings,
    close() {
      for (const socket of [control, search]) socket.close()
      http.close()
      http.closeAllConnections()
    },
  }
}

class Table {
  readonly mappings: TestRouter['mappings'] = new Map()
  readonly #taken: ReadonlySet<number>

  constructor({ taken = [] }: TestRouterOptions) {
    this.#taken = new Set(taken)
  }

  isTaken(port: number): boolean {
    return this.#taken.has(port)
  }

  /** @returns the port that is granted; 0 when the mapping has ended */
  set(internal: number, wanted: number, seconds: number): number {
    if (seconds === 0) {
      for (const [port, mapping] of this.mappings)
        if (mapping.internal === internal) this.mappings.delete(port)
      return 0
    }
    let port = wanted === 0 ? internal : wanted
    while (this.isTaken(port)) port += 1
    this.mappings.set(port, { internal, seconds })
    return port
  }
}

function answerControl(packet: Buffer, options: TestRouterOptions, table: Table): Buffer {
  const { speaks, external = '203.0.112.7', refuses } = options
  const ip = Buffer.from(external.split('.').map(Number))
  if (packet[0] === 2) {
    if (speaks === 'nat-pmp') return Buffer.from([0, 129, 0, 1, 0, 0, 0, 0])
    const answer = Buffer.from(packet)
    answer[1] = 0x81
    answer[3] = refuses ?? 0
    const [internal, wanted] = [packet.readUInt16BE(40), packet.readUInt16BE(42)]
    if (refuses === undefined) answer.writeUInt16BE(table.set(internal, wanted, packet.readUInt32BE(4)), 42)
    ip.copy(answer, 56)
    return answer
  }
  if (packet[1] === 0) return Buffer.concat([Buffer.from([0, 128, 0, 0, 0, 0, 0, 1]), ip])
  const answer = Buffer.alloc(16)
  answer.set([0, 130])
  answer.writeUInt16BE(refuses ?? 0, 2)
  const [internal, wanted, seconds] = [packet.readUInt16BE(4), packet.readUInt16BE(6), packet.readUInt32BE(8)]
  answer.writeUInt16BE(internal, 8)
  if (refuses === undefined) answer.writeUInt16BE(table.set(internal, wanted, seconds), 10)
  answer.writeUInt32BE(seconds, 12)
  return answer
}

function answerCall(body: string, options: TestRouterOptions, table: Table): string {
  const { external = '203.0.112.7', refuses } = options
  const fault = (code: number): string => `<UPnPError><errorCode>${code}</errorCode></UPnPError>`
  if (body.includes('GetExternalIPAddress'))
    return `<r><NewExternalIPAddress>${external}</NewExternalIPAddress></r>`
  const number = (name: string): number => Number(elementIn(body, name))
  const port = number('NewExternalPort')
  if (body.includes('DeletePortMapping')) table.mappings.delete(port)
  else if (refuses !== undefined) return fault(refuses)
  else if (table.isTaken(port)) return fault(718)
  else table.set(number('NewInternalPort'), port, number('NewLeaseDuration'))
  return '<ok/>'
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

async function udp(answer: (packet: Buffer) => Buffer | null): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.on('message', (packet, { port, address }) => {
    const reply = answer(packet)
    if (reply !== null) socket.send(reply, port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, host, resolve))
  return socket
}
