import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'

const scratch = new Uint8Array(1 << 20)

/** Null: no more will be read. */
parentPort?.on('message', (paths: readonly string[] | null) => {
  if (paths === null) parentPort?.close()
  for (const path of paths ?? []) readThrough(path)
})

function readThrough(path: string): void {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return
  }
  try {
    while (readSync(file, scratch) > 0);
  } catch {
    // The engine will meet the same fault and report it.
  } finally {
    closeSync(file)
  }
}
