import { isFunction, isObject } from './speed-ups/report.ts'

interface EndingMuxer {
  abort(error: Error): void
  onTransportClosed(error?: Error): void
}

interface EndingConnection {
  readonly status: string
  abort(error: Error): void
  close(): Promise<void>
}

function isEndingMuxer(value: unknown): value is EndingMuxer {
  return isObject(value) && isFunction(value['abort']) && isFunction(value['onTransportClosed'])
}

function isEndingConnection(value: unknown): value is EndingConnection {
  return isObject(value) && isFunction(value['abort']) && isFunction(value['close'])
}

/**
 * A muxer factory whose muxers take their connections with them when they end. libp2p leaves the connection open when a
 * muxer breaks off, or when the other side says that it will open no more streams: such a connection counts as open and
 * is used again for every new stream, all of which fail.
 * @throws {TypeError} when muxers of libp2p are not as they were: connections that look alive must not go unnoticed
 */
export function withEndedMuxers<Components, Made extends object>(
  make: (components: Components) => Made,
): (components: Components) => Made {
  return (components) => {
    const factory = make(components)
    const patched = factory as unknown as { createStreamMuxer(connection: unknown): unknown }
    const createStreamMuxer = patched.createStreamMuxer.bind(factory)
    patched.createStreamMuxer = (connection) => {
      const muxer = createStreamMuxer(connection)
      if (!isEndingMuxer(muxer) || !isEndingConnection(connection))
        throw new TypeError('a muxer of libp2p cannot be followed by its connection')
      followMuxer(muxer, connection)
      return muxer
    }
    return factory
  }
}

function followMuxer(muxer: EndingMuxer, connection: EndingConnection): void {
  const abort = muxer.abort.bind(muxer)
  const onTransportClosed = muxer.onTransportClosed.bind(muxer)
  muxer.abort = (error) => {
    abort(error)
    connection.abort(error)
  }
  muxer.onTransportClosed = (error) => {
    onTransportClosed(error)
    if (connection.status !== 'open') return
    connection.close().catch((reason: unknown) => {
      connection.abort(reason instanceof Error ? reason : new Error(String(reason)))
    })
  }
}
