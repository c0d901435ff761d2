import { formatProfile } from '@shoal/model'
import type { Engine, SwarmStatus } from '@shoal/swarm'
import { ApiError } from './errors.ts'

/** An entry of `GET /v1/models`. */
export function describeModel(engine: Engine): object {
  const { name, config } = engine.manifest.manifest
  return {
    id: name,
    object: 'model',
    created: 0,
    owned_by: 'shoal',
    manifest: engine.manifest.id,
    context_length: config.contextLength,
  }
}

/** @throws {ApiError} 404 `model_not_found`; a model is asked for by its name or its manifest */
export function checkModel(engine: Engine, asked: string): void {
  const { name } = engine.manifest.manifest
  // Ollama's clients name a model with its tag.
  if ([name, `${name}:latest`, engine.manifest.id].includes(asked)) return
  throw new ApiError(404, `model '${asked}' is not served here; this is '${name}'`, {
    code: 'model_not_found',
    param: 'model',
  })
}

/** The status of a swarm that consists of this process alone. */
export function statusWithoutSwarm({ manifest: { id, manifest } }: Engine): SwarmStatus {
  const { blockCount } = manifest.config
  return {
    model: manifest.name,
    manifest: id,
    profile: formatProfile(manifest.profile),
    blockCount,
    peers: [],
    coverage: Array.from({ length: blockCount }, () => 1),
    covered: true,
    snapshotHash: '',
    planHash: '',
    placements: [],
  }
}
