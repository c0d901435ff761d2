import type { SwarmStatus } from '@shoal/swarm'
import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { commandOn, statusOn } from './commands.ts'
import type { Layout } from './layout.ts'
import type { Lab } from './namespaces.ts'

/**
 * Asks `shoal doctor` on the asker's machine about a peer whose address is told and cannot be dialled.
 * @param peer undefined where the layout has none
 * @param guest an invite, and the data directory of the client that uses it
 * @returns what was wrong
 */
export async function diagnose(
  lab: Lab,
  layout: Layout,
  peer: string | undefined,
  [code, folder]: readonly [string, string],
  say: (line: string) => void,
): Promise<readonly string[]> {
  if (peer === undefined) return []
  const words = ['doctor', code, '--quick', '--json', '--data', folder]
  const { peers } = (await commandOn(lab, layout.asker, words)) as Pick<SwarmStatus, 'peers'>
  const { tried = [], path } = peers.find((each) => each.peer === peer) ?? {}
  const outcomes = tried.map(({ address, outcome }) => `${address}: ${outcome}`)
  const told = [path?.why ?? 'not connected', ...outcomes].join('; ')
  say(`doctor says of ${layout.undialled}: ${path?.kind ?? 'found'}; ${told}`)
  // Members have knocked at its address in vain, so it tells only the ways through relays.
  return path?.kind !== 'direct' && /nobody can dial it|no answer|their routers let in/.test(told)
    ? []
    : [`doctor does not say why ${layout.undialled} cannot be dialled`]
}

/** Waits until a router has forwarded a port to a node. @throws {Error} when it does not within some seconds */
export async function untilMapped(
  lab: Lab,
  machine: string,
  api: string | null,
  say: (line: string) => void,
): Promise<void> {
  let why = 'it is not asked'
  for (let tries = 0; tries < 20; tries += 1) {
    const mapping = (await statusOn(lab, machine, api))?.portMapping
    if (mapping?.state === 'mapped') return say(`${mapping.why}: ${mapping.address}`)
    why = mapping?.why ?? why
    await sleep(systemClock, 1000)
  }
  throw new Error(`the router forwards no port to ${machine}: ${why}`)
}
