/**
 * From this size on, freed memory goes back to the system at once (glibc's `M_MMAP_THRESHOLD`): matrices of weights, buffers of
 * packing. By itself glibc raises this size to 32 MiB with the first large block that is freed, and then keeps what a
 * node frees. At 1 MiB, parts of prompts would be a third slower, because their activations were given back after every call;
 * a call has 64 rows at most, so that only its largest activations are above 2 MiB, which costs nothing measurable.
 */
const givenBackFromBytes = 2 * 1024 * 1024

const variable = 'MALLOC_MMAP_THRESHOLD_'
const tunables = 'GLIBC_TUNABLES'

type Environment = Readonly<Record<string, string | undefined>>

/** The environment of a process that serves: the allocator reads it when the process starts, and never again. Other systems than Linux with glibc ignore it. */
export function allocatorEnvironment(env: Environment): Environment {
  return isChosen(env) ? env : { ...env, [variable]: `${givenBackFromBytes}` }
}

/** What `processWithAllocator` needs to know of this process. */
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
  const serves = argv[2] === 'up' || argv[2] === 'rank'
  if (platform !== 'linux' || !serves || hasChannel || isChosen(env)) return null
  return { args: [execPath, ...execArgv, ...argv.slice(1)], env: allocatorEnvironment(env) }
}

/** A user's own choice stands. */
function isChosen(env: Environment): boolean {
  return env[variable] !== undefined || env[tunables]?.includes('mmap_threshold') === true
}
