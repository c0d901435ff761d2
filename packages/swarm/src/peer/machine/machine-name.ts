import { sha256Hex } from '@shoal/model'

/** A name for the machine that differs from swarm to swarm, so that comparing swarms tells nothing about it. */
export function machineIn(manifestId: string, machine: string): string {
  return sha256Hex(new TextEncoder().encode(`${manifestId} ${machine}`)).slice(0, 16)
}
