import { isFunction, isObject, type SpeedUpReport } from './report.ts'

/**
 * What noise's decoder throws behind every message, to say that no further length has come yet: made once, where it
 * otherwise captures a stack each time, which is a tenth of the time of a small message and more when caches are cold.
 */
const noLengthYet = new RangeError('the next length has not come yet')

interface LengthDecoder {
  lengthDecoder(buffer: { readonly length: number }): number
}

function isLengthDecoder(value: unknown): value is LengthDecoder {
  return isObject(value) && isFunction(value['lengthDecoder']) && isFunction(value['decode'])
}

function quieten(secured: unknown, report: SpeedUpReport): void {
  const connection: unknown = isObject(secured) ? secured['connection'] : undefined
  const decoder: unknown = isObject(connection) ? connection['decoder'] : undefined
  if (!isLengthDecoder(decoder)) {
    report.missing('quiet-lengths')
    return
  }
  const decodeLength = decoder.lengthDecoder.bind(decoder)
  decoder.lengthDecoder = (buffer) => {
    if (buffer.length < 2) throw noLengthYet
    return decodeLength(buffer)
  }
  report.engaged('quiet-lengths')
}

interface Encrypter {
  secureInbound(...args: unknown[]): Promise<unknown>
  secureOutbound(...args: unknown[]): Promise<unknown>
}

/** An encrypter factory whose connections wait for the next length without an expensive error. */
export function withQuietLengths<Components, Made extends object>(
  make: (components: Components) => Made,
  report: SpeedUpReport,
): (components: Components) => Made {
  return (components) => {
    const encrypter = make(components)
    const patched = encrypter as unknown as Encrypter
    for (const name of ['secureInbound', 'secureOutbound'] as const) {
      const secure = patched[name].bind(encrypter)
      patched[name] = async (...args) => {
        const secured = await secure(...args)
        quieten(secured, report)
        return secured
      }
    }
    return encrypter
  }
}
