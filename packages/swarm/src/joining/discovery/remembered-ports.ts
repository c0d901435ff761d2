import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, writeFileAtomically } from '@shoal/host/node'

/** The port at which a node listened before, for each address with a port of the system's choice. */
export type Ports = Readonly<Record<string, number>>

const choosesPort = /^\/(ip4|ip6)\/[^/]+\/tcp\/0$/

/** The addresses to listen on, with the ports of the last run in place of those that the system would choose. */
export function withPorts(listen: readonly string[], ports: Ports): readonly string[] {
  return listen.map((address) => {
    const port = choosesPort.test(address) ? ports[address] : undefined
    return port === undefined ? address : address.replace(/0$/, String(port))
  })
}

/**
 * The ports that the system has chosen, to be remembered. Of several addresses of one family with such a port nobody can
 * tell which one got which: none of them is remembered.
 */
export function chosenPorts(listen: readonly string[], listening: readonly string[]): Ports {
  const ports: Record<string, number> = {}
  for (const family of ['ip4', 'ip6']) {
    const [address, ...more] = listen.filter((each) => choosesPort.exec(each)?.[1] === family)
    const used = listening.flatMap((each) => {
      const [, found, port] = /^\/(ip4|ip6)\/[^/]+\/tcp\/(\d+)(\/|$)/.exec(each) ?? []
      return found === family ? [Number(port)] : []
    })
    if (address !== undefined && more.length === 0 && new Set(used).size === 1) ports[address] = used[0] ?? 0
  }
  return ports
}

const pathIn = (folder: string): string => join(folder, 'ports.json')

/** Empty where the node has not listened yet, and for a file that cannot be read: the system then chooses the ports. */
export function readPorts(folder: string): Ports {
  try {
    const value: unknown = JSON.parse(readFileSync(pathIn(folder), 'utf8'))
    if (typeof value !== 'object' || value === null) return {}
    return Object.fromEntries(
      Object.entries(value).filter((entry): entry is [string, number] => isPort(entry[1])),
    )
  } catch {
    return {}
  }
}

const isPort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536

export function savePorts(folder: string, ports: Ports): void {
  makeFolder(folder)
  writeFileAtomically(pathIn(folder), JSON.stringify(ports))
}
