import type { SystemDependencies } from '@shoal/host'
import { PortMapping } from '@shoal/network'
import type { Scope } from '../scope.ts'
import type { SwarmStatus } from '../types.ts'

interface PortMappingOptions {
  readonly portMapping?: boolean | undefined
  readonly announce?: readonly string[] | undefined
  readonly dialInstead?: Readonly<Record<string, string>> | undefined
}

/**
 * Asks the router before this node for a port, until the scope closes: where the user wants that, and otherwise in private
 * swarms. Null elsewhere, where the user has told which address leads here, and over links that have a shape.
 */
export function openPortMapping(
  dependencies: SystemDependencies,
  { portMapping, announce, dialInstead }: PortMappingOptions,
  isPrivate: boolean,
  scope: Scope,
): PortMapping | null {
  if (!(portMapping ?? isPrivate) || announce !== undefined || dialInstead !== undefined) return null
  const mapping = new PortMapping(dependencies)
  scope.onClose(() => mapping.close())
  return mapping
}

/** What a status says of it. */
export const portMappingIn = (mapping: PortMapping | null): Pick<SwarmStatus, 'portMapping'> =>
  mapping === null ? {} : { portMapping: mapping.status() }
