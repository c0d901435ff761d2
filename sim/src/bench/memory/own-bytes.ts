import { readFile } from 'node:fs/promises'

/** Own memory of a process: anonymous pages, swapped ones included. @throws {Error} where the system does not say it */
export async function ownBytes(processId: number): Promise<number> {
  const rollup = await readFile(`/proc/${processId}/smaps_rollup`, 'utf8').catch((error: unknown) => {
    throw new Error('bench memory reads /proc/PID/smaps_rollup, which Linux alone has', { cause: error })
  })
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0)
  return 1024 * (kilobytes('Anonymous') + kilobytes('Swap'))
}
