import { withRawConnections } from '../raw-connections.ts'
import { isFunction, isObject, type SpeedUpReport } from './report.ts'

/** Up to here a copy is cheaper than a second system call. */
const joinUpToBytes = 128 * 1024

interface PieceList extends Iterable<Uint8Array> {
  readonly byteLength: number
  subarray(): Uint8Array
}

interface SocketConnection {
  readonly socket: { write(bytes: Uint8Array): boolean; cork(): void; uncork(): void }
  sendData(data: Uint8Array | PieceList): { sentBytes: number; canSendMore: boolean }
}

function isSocketConnection(value: unknown): value is SocketConnection {
  if (!isObject(value) || !isFunction(value['sendData'])) return false
  const { socket } = value
  return (
    isObject(socket) &&
    isFunction(socket['write']) &&
    isFunction(socket['cork']) &&
    isFunction(socket['uncork'])
  )
}

/** Length, header, payload and tag leave in one write instead of four. */
function joinWrites(connection: unknown, report: SpeedUpReport): void {
  if (!isSocketConnection(connection)) {
    report.missing('joined-writes')
    return
  }
  const { socket } = connection
  connection.sendData = (data) => {
    const sentBytes = data.byteLength
    if (data instanceof Uint8Array) return { sentBytes, canSendMore: socket.write(data) }
    if (sentBytes <= joinUpToBytes) return { sentBytes, canSendMore: socket.write(data.subarray()) }
    let canSendMore = true
    socket.cork()
    for (const piece of data) canSendMore = socket.write(piece)
    socket.uncork()
    return { sentBytes, canSendMore }
  }
  report.engaged('joined-writes')
}

/** A transport factory whose connections join their writes. */
export function withJoinedWrites<Components, Made extends object>(
  make: (components: Components) => Made,
  report: SpeedUpReport,
): (components: Components) => Made {
  return withRawConnections(make, (connection) => joinWrites(connection, report))
}
