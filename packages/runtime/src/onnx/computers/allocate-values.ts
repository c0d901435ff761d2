import { ShoalError } from '@shoal/host'

/** Memory for `bytes` of a KV cache. @throws {ShoalError} `no-capacity` */
export function allocateBytes(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes)
  } catch (cause) {
    throw new ShoalError('no-capacity', `this machine has no memory for ${bytes} more bytes of KV cache`, {
      cause,
    })
  }
}
