import { isFunction, isObject, type SpeedUpReport } from './report.ts'

interface WindowedStream {
  readonly state: number
  readonly recvWindow: number
  readonly recvWindowCapacity: number
  sendWindowUpdate(): void
}

function isWindowedStream(value: unknown): value is WindowedStream {
  return (
    isObject(value) &&
    isFunction(value['sendWindowUpdate']) &&
    ['state', 'recvWindow', 'recvWindowCapacity'].every((name) => typeof value[name] === 'number')
  )
}

/** States in which an update carries no flag, so that nothing but window is lost by waiting: SYN sent, established. */
const statesWithoutFlag: readonly number[] = [1, 3]

/** A muxer factory whose streams return window when half of it is used, instead of after each frame. */
export function withLazyWindows<Components, Made extends object>(
  make: (components: Components) => Made,
  report: SpeedUpReport,
): (components: Components) => Made {
  return (components) => {
    const factory = make(components)
    const patched = factory as unknown as { createStreamMuxer(connection: unknown): unknown }
    const createStreamMuxer = patched.createStreamMuxer.bind(factory)
    patched.createStreamMuxer = (connection) => {
      const muxer = createStreamMuxer(connection)
      if (!isObject(muxer) || !isFunction(muxer['_newStream'])) {
        report.missing('lazy-windows')
        return muxer
      }
      const newStream = muxer['_newStream'].bind(muxer)
      muxer['_newStream'] = (...args: unknown[]) => {
        const stream = newStream(...args)
        if (isWindowedStream(stream)) delayUpdates(stream, report)
        else report.missing('lazy-windows')
        return stream
      }
      return muxer
    }
    return factory
  }
}

function delayUpdates(stream: WindowedStream, report: SpeedUpReport): void {
  const sendWindowUpdate = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    if (statesWithoutFlag.includes(stream.state) && stream.recvWindowCapacity > stream.recvWindow / 2) return
    sendWindowUpdate()
  }
  report.engaged('lazy-windows')
}
