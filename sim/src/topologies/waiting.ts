import { ShoalError, sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { stepLimitMs } from './commands.ts'

/** @throws {ShoalError} `deadline-passed` when a step of the play takes too long */
export async function within<Value>(work: Promise<Value>, what: string): Promise<Value> {
  const late = Promise.withResolvers<never>()
  const timer = systemClock.after(stepLimitMs, () =>
    late.reject(new ShoalError('deadline-passed', `not within ${stepLimitMs / 1000} s: ${what}`)),
  )
  return Promise.race([work, late.promise]).finally(() => timer.cancel())
}

/** Waits until nothing is wrong. @param say hears what is right then */
export async function untilNone(
  find: () => Promise<{ readonly wrong: readonly string[]; readonly right: readonly string[] }>,
  say: (line: string) => void,
): Promise<void> {
  const startMs = systemClock.nowMs()
  for (;;) {
    const { wrong, right } = await find()
    if (wrong.length === 0) {
      say(`${right.join(', ')} after ${((systemClock.nowMs() - startMs) / 1000).toFixed(0)} s`)
      return
    }
    if (systemClock.nowMs() - startMs > stepLimitMs)
      throw new ShoalError('deadline-passed', `paths are wrong: ${wrong.join(', ')}`)
    await sleep(systemClock, 1000)
  }
}
