import { messageOf } from '@shoal/host'

/** Collects what was opened and closes it in reverse order, after an error while starting or at the end. */
export interface Scope {
  /** Adds a release. A release that is added while the scope closes runs too. @throws {Error} when the scope is closed */
  onClose(release: () => void | Promise<void>): void
  /** Runs every release once, however often it is called. @throws {AggregateError} all errors of the releases */
  close(): Promise<void>
}

export function createScope(): Scope {
  const releases: (() => void | Promise<void>)[] = []
  let closing: Promise<void> | null = null
  let closed = false

  const closeAll = async (): Promise<void> => {
    const errors: unknown[] = []
    for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
      try {
        await release()
      } catch (error) {
        errors.push(error)
      }
    }
    closed = true
    if (errors.length > 0)
      throw new AggregateError(errors, `closing failed: ${errors.map(messageOf).join('; ')}`)
  }
  return {
    onClose(release) {
      if (closed) throw new Error('this scope is closed: nothing would ever release what was opened')
      releases.push(release)
    },
    close: () => (closing ??= closeAll()),
  }
}

/** Runs `open` with a scope. When `open` fails, the scope is closed and the error of `open` is thrown. */
export async function inScope<Opened>(open: (scope: Scope) => Promise<Opened>): Promise<Opened> {
  const scope = createScope()
  try {
    return await open(scope)
  } catch (error) {
    // The first error tells the cause; an error of closing would hide its code.
    await scope.close().catch(() => undefined)
    throw error
  }
}
