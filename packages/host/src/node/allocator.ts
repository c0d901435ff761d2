/**
 * From this size on, freed memory goes back to the system at once (glibc's `M_MMAP_THRESHOLD`): matrices of weights, buffers of
 * packing. By itself glibc raises this size to 32 MiB with the first large block that is freed, and then keeps what a
 * node frees. At 1 MiB, parts of prompts would be a third slower, because their activations were given back after every call;
 * a call has 64 rows at most, so that only its largest activations are above 2 MiB, which costs nothing measurable.
 */
const givenBackFromBytes = 2 * 1024 * 1024

const threshold = { name: 'MALLOC_MMAP_THRESHOLD_', value: `${givenBackFromBytes}` }

/**
 * Large blocks lie in pages of 2 MiB where the system allows it (`madvise`). Decoding reads all weights once for each token,
 * and with pages of 4 KiB a good part of that time goes into translating addresses (docs/numerics.md).
 */
const pages = { name: 'GLIBC_TUNABLES', value: 'glibc.malloc.hugetlb=1' }

type Environment = Readonly<Record<string, string | undefined>>

/** The environment of a process that computes: the allocator reads it when the process starts, and never again. Other systems than Linux with glibc ignore it. */
export function allocatorEnvironment(env: Environment): Environment {
  return isChosen(env) ? env : { ...env, [threshold.name]: threshold.value, [pages.name]: pages.value }
}

/** The environment of a process that is no part of Shoal: without what `allocatorEnvironment` has set. */
export function usualEnvironment(env: Environment): Environment {
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name, value]) => ![threshold, pages].some((own) => own.name === name && own.value === value),
    ),
  )
}

/** What `restartOf` needs to know of this process. */
export interface StartedProcess {
  readonly platform: string
  readonly env: Environment
  readonly execPath: string
  readonly execArgv: readonly string[]
  readonly argv: readonly string[]
  /** Whether the parent talks to it over a channel, which a new program in its place would not have. */
  readonly hasChannel: boolean
}

/** The program that is to take the place of this process: the same one, with the allocator's setting; null where it has that, or needs none. */
export function restartOf(started: StartedProcess): { args: readonly string[]; env: Environment } | null {
  const { platform, env, execPath, execArgv, argv, hasChannel } = started
  if (platform !== 'linux' || !computes(argv.slice(2)) || hasChannel || isChosen(env)) return null
  return { args: [execPath, ...execArgv, ...argv.slice(1)], env: allocatorEnvironment(env) }
}

/** Commands that hold weights in their own process. */
function computes([command, ...words]: readonly string[]): boolean {
  if (command === 'up' || command === 'rank' || command === 'bench') return true
  return (command === 'generate' || command === 'chat') && words.includes('--local')
}

/** A user's own choice stands. */
function isChosen(env: Environment): boolean {
  return env[threshold.name] !== undefined || env[pages.name] !== undefined
}
