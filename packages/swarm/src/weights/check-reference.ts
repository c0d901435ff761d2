import { ShoalError } from '@shoal/host'
import { formatProfile, type IdentifiedManifest, type ModelConfig } from '@shoal/model'
import type { Reference } from './reference.ts'

/**
 * A local copy of a model must be the swarm's. Configuration and assets are compared here, cheaply; weights are
 * compared tensor by tensor when they are packed.
 * @throws {ShoalError} `wrong-manifest` naming both
 */
export function checkReference(
  reference: Reference,
  manifest: IdentifiedManifest,
  ownId: string | null,
): void {
  const { config, name, profile } = manifest.manifest
  const own = reference.source
  if (ownId === null ? sameShape(own.config, config) : ownId === manifest.id) return
  const shape = (c: typeof config): string => `${c.family}, ${c.blockCount} blocks of ${c.hiddenSize}`
  const mine = ownId === null ? '' : `manifest ${ownId.slice(0, 12)}, `
  throw new ShoalError(
    'wrong-manifest',
    `--model ${reference.ref} is ${own.name} (${mine}${shape(own.config)}), but the swarm serves ${name} (manifest ${manifest.id.slice(0, 12)}, ${shape(config)}, weights ${formatProfile(profile)}): leave --model out to take the swarm's`,
  )
}

export function sameShape(one: ModelConfig, other: ModelConfig): boolean {
  return stableText(one) === stableText(other)
}

/** Equal for equal values whatever the order of keys. */
function stableText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
