/** Holds the steps of a new version of a route until the stage has been told where to go on. */
export interface RouteGate {
  readonly open: boolean
  /** Resolves when it opens. */
  readonly opened: Promise<void>
  release(): void
}

export function createRouteGate(): RouteGate {
  let open = false
  let resolve: () => void = () => undefined
  const opened = new Promise<void>((onOpen) => (resolve = onOpen))
  return {
    get open() {
      return open
    },
    opened,
    release() {
      open = true
      resolve()
    },
  }
}
