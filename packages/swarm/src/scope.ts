import { messageOf } from '@shoal/host'

/** What was opened, closed again in reverse order: by an error while starting, or at the end. */
export interface Scope {
  /** What is opened while the scope closes is closed with it; afterwards it is closed at once. */
  onClose(release: () => void | Promise<void>): void
  /** Closing twice is closing once. Every release runs; the errors are thrown together at the end. */
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

/** Opens things one after the other: when one fails, those before it are closed, and its error is what is told. */
export async function inScope<Opened>(open: (scope: Scope) => Promise<Opened>): Promise<Opened> {
  const scope = createScope()
  try {
    return await open(scope)
  } catch (error) {
    // The first error is the one that says why; what closing adds to it would hide its code.
    await scope.close().catch(() => undefined)
    throw error
  }
}
