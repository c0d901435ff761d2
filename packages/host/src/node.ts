/**
 * The only access to the system: clock, randomness, log, files, memory, processes.
 *
 * Only programs (`node`, `client`, `sim`), tests and the entry files of threads import it. Packages above take what it makes
 * as arguments.
 *
 * @example
 * const folder = dataDirectory(options.data)
 * const lock = lockDirectory(folder)
 * const logger = createFileLogger({ level: 'info', file: join(folder, 'shoal.log'), stderr: true })
 * try {
 *   await run({ clock: systemClock, random: systemRandom, logger })
 * } finally {
 *   await logger.close()
 *   lock.release()
 * }
 */
export { cacheDirectory } from './node/compile-cache.ts'
export { exitWithParent, watchAncestors, type ExitWithParentOptions } from './node/exit-with-parent.ts'
export { createFileLogger, type FileLogger, type FileLoggerOptions } from './node/file-logger.ts'
export { formatBytes, parseByteSize } from './node/byte-size.ts'
export { dataDirectory } from './node/data-directory.ts'
export { lockDirectory, type DirectoryLock } from './node/lock-directory.ts'
export { availableMemoryBytes } from './node/memory.ts'
export { nextIncarnation } from './node/incarnation.ts'
export { freeDiskBytes, machineIdentity, physicalCores } from './node/machine.ts'
export { createPreciseClock, type PreciseClock } from './node/precise-clock.ts'
export { makeFolder } from './node/make-folder.ts'
export { canOpenFiles } from './node/open-files.ts'
export { keepHeapSmall } from './node/small-heap.ts'
export { endWhenReaderIsGone } from './node/reader-gone.ts'
export { loadOrCreateKey } from './node/secret-file.ts'
export { isRunning, startTimeOf } from './node/process-identity.ts'
export { systemClock } from './node/system-clock.ts'
export { systemRandom } from './node/system-random.ts'
export { writeFileAtomically } from './node/atomic-file.ts'
