import { messageOf } from '@shoal/host'

/** What was opened, closed again in reverse order: by an error while starting, or at the end. */
export interface Scope {
  onClose(release: () => void | Promise<void>): void
  /** Closing twice is closing once. Every release runs; the first error is thrown at the end. */
  close(): Promise<void>
}

export function createScope(): Scope {
  const releases: (() => void | Promise<void>)[] = []
  let closing: Promise<void> | null = null

  const closeAll = async (): Promise<void> => {
    const errors: unknown[] = []
    for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
      try {
        await release()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `closing failed: ${errors.map(messageOf).join('; ')}`)
  }
  return {
    onClose: (release) => void releases.push(release),
    close: () => (closing ??= closeAll()),
  }
}
