import { ShoalError } from '@shoal/host'
import { unitOf } from '@shoal/model'
import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { TensorBytes } from './share-source.ts'

/** Reads packed tensors from the units' files of a folder. It blocks the calling thread, which is the engine's while it loads. */
export function unitFiles(folder: string): TensorBytes {
  return ({ name, offset: from }, offset, length) => {
    const file = openSync(join(folder, `${unitOf(name)}.bin`), 'r')
    try {
      const bytes = new Uint8Array(length)
      let done = 0
      while (done < length) {
        // One call reads at most 2 GiB.
        const read = readSync(file, bytes, done, Math.min(length - done, 2 ** 30), from + offset + done)
        if (read === 0) throw new ShoalError('bad-model', `${unitOf(name)}.bin ends inside ${name}`)
        done += read
      }
      return bytes
    } finally {
      closeSync(file)
    }
  }
}
