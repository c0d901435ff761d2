import { isFunction } from './speed-ups/report.ts'

type Watch = (connection: unknown) => void

/** Sees each raw connection on its way to the upgrader, which encrypts it. */
export function watchUpgrader<Upgrader extends object>(upgrader: Upgrader, watch: Watch): Upgrader {
  return new Proxy(upgrader, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (!isFunction(member)) return member
      if (name !== 'upgradeOutbound' && name !== 'upgradeInbound') return member.bind(target)
      return (connection: unknown, ...rest: unknown[]) => {
        watch(connection)
        return member.call(target, connection, ...rest)
      }
    },
  })
}

interface DialsAndListens {
  dial(address: never, options: { upgrader: object }): unknown
  createListener(options: { upgrader: object }): unknown
}

/** A transport factory of which `watch` sees each raw connection, dialled or accepted, before anything is read from it. */
export function withRawConnections<Components, Made extends object>(
  make: (components: Components) => Made,
  watch: Watch,
): (components: Components) => Made {
  return (components) => {
    const transport = make(components)
    const patched = transport as unknown as DialsAndListens
    const dial = patched.dial.bind(transport)
    const createListener = patched.createListener.bind(transport)
    patched.dial = (address, options) =>
      dial(address, { ...options, upgrader: watchUpgrader(options.upgrader, watch) })
    patched.createListener = (options) =>
      createListener({ ...options, upgrader: watchUpgrader(options.upgrader, watch) })
    return transport
  }
}
