import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ModelError } from '../../error.ts'
import { isNoEntry } from '../../sources/file-reader.ts'
import { renameWhenFree } from './disk/rename-when-free.ts'

/**
 * The process that owns unfinished work. Several processes may share one data directory (a node and its clients), so each
 * works in folders that carry its name, and takes over only those of processes that are gone.
 */
export interface PartialOwner {
  /** Unique among processes; letters, digits and hyphens. */
  readonly name: string
  isGone(name: string): boolean
}

/** Tells processes apart by their id alone; `@shoal/swarm` passes a better owner, which includes start times. */
export const processOwner: PartialOwner = {
  name: String(process.pid),
  isGone(name) {
    if (!/^\d{1,10}$/.test(name)) return false
    try {
      process.kill(Number(name), 0)
      return false
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'ESRCH'
    }
  },
}

/** An unfinished file or folder on its way to a final name, claimed by this process. */
export interface PartialFolder {
  readonly path: string
  /** True when it holds what an earlier process or an earlier attempt left. */
  readonly adopted: boolean
  /** Lets others take it over from now on. */
  release(): void
  remove(): Promise<void>
  /** Removes it; what cannot be removed now is left to a sweep. */
  discard(): Promise<void>
}

/** Claims of this process: two attempts of one process must not share a folder either. */
const claimed = new Set<string>()
let claims = 0

/**
 * Claims a folder `<target>.<owner>.<n>.partial` for the unfinished `target`. With `adopt`, a folder whose owner is gone is
 * taken over with its contents; renaming it is atomic, so only one of two processes gets it. Further abandoned folders are
 * removed.
 */
export async function claimPartial(
  target: string,
  owner: PartialOwner,
  options: { adopt: boolean },
): Promise<PartialFolder> {
  if (!/^[\w-]+$/.test(owner.name))
    throw new ModelError('bad-request', `'${owner.name}' cannot be part of a file name`)
  claims += 1
  const path = `${target}.${owner.name}.${claims}.partial`
  claimed.add(path)
  const release = (): void => void claimed.delete(path)
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true })
    release()
  }
  try {
    // A process with the same id may have left one before the machine restarted.
    await rm(path, { recursive: true, force: true })
    let adopted = false
    for (const left of await abandoned(target, owner)) {
      if (adopted || !options.adopt) await rm(left, { recursive: true, force: true })
      else adopted = await renamed(left, path)
    }
    if (!adopted) await mkdir(path, { recursive: true })
    return { path, adopted, release, remove, discard: () => remove().catch(release) }
  } catch (error) {
    release()
    throw error
  }
}

async function abandoned(target: string, owner: PartialOwner): Promise<string[]> {
  const folder = dirname(target)
  const start = `${basename(target)}.`
  const names = (await readdir(folder)).filter((name) => name.startsWith(start) && name.endsWith('.partial'))
  return names
    .filter((name) => {
      const whose = /^([\w-]+)\.\d+\.partial$/.exec(name.slice(start.length))?.[1]
      if (whose === undefined) return false
      return whose === owner.name ? !claimed.has(join(folder, name)) : owner.isGone(whose)
    })
    .map((name) => join(folder, name))
}

/** False when another process was quicker. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await renameWhenFree(from, to)
    return true
  } catch (error) {
    if (isNoEntry(error)) return false
    throw error
  }
}

/**
 * Removes unfinished work whose owner is gone and that has not changed since `beforeMs` of the wall clock. Unfinished
 * work is resumed soon or never; without the sweep it would fill the disk.
 * @returns the names of what was removed
 */
export async function sweepPartials(
  folder: string,
  owner: PartialOwner,
  beforeMs: number,
): Promise<string[]> {
  const removed: string[] = []
  for (const name of await namesIn(folder)) {
    const whose = /\.([\w-]+)\.\d+\.partial$/.exec(name)?.[1]
    const path = join(folder, name)
    if (
      whose === undefined ||
      claimed.has(path) ||
      !(whose === owner.name || owner.isGone(whose)) ||
      (await changedMs(path)) >= beforeMs
    )
      continue
    await rm(path, { recursive: true, force: true })
    removed.push(name)
  }
  return removed
}

/** Latest change of a folder or of anything in it; `Infinity` when another process has just taken it over. */
async function changedMs(path: string): Promise<number> {
  try {
    const times = [(await stat(path)).mtimeMs]
    for (const name of await readdir(path)) times.push((await stat(join(path, name))).mtimeMs)
    return Math.max(...times)
  } catch (error) {
    if (isNoEntry(error)) return Number.POSITIVE_INFINITY
    throw error
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isNoEntry(error)) return []
    throw error
  }
}
