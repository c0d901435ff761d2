import type { FileHandle } from 'node:fs/promises'
import { ModelError } from '../error.ts'
import { checkRange, type RangeReader } from './range-reader.ts'

/** Reads an open file by range. The caller, who opened the handle, closes it. */
export function handleReader(handle: FileHandle, size: number, fileName: string): RangeReader {
  return {
    size,
    read: async (offset, length, signal) => {
      signal?.throwIfAborted()
      checkRange(offset, length, size, fileName)
      const bytes = new Uint8Array(length)
      for (let done = 0; done < length;) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
        if (bytesRead === 0)
          throw new ModelError(
            'bad-model',
            `${fileName} ended after ${offset + done} bytes: it has become shorter`,
          )
        done += bytesRead
      }
      return bytes
    },
  }
}

/** Whether a file system error says that there is no such file. */
export function isNoEntry(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR'
}
