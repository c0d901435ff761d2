import { ModelError } from '../error.ts'
import { checkInteger, fieldOf, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'

/**
 * Reads a sliding window that all blocks have or none has.
 *
 * @param window value of `sliding_window`, with the family's default for an absent key
 * @returns positions that a query sees, its own included; null for all of them
 */
export function readWindow(json: JsonObject, window: unknown): number | null {
  if (window === null || window === undefined) return null
  if (layerTypesSay(json) === false) return null
  const positions = checkInteger(window, 'sliding_window', 1, limits.contextLengthMax)
  // A window that no session can fill is none: the graph is simpler without it.
  const contextLength = fieldOf(json, 'max_position_embeddings') ?? null
  return typeof contextLength === 'number' && positions >= contextLength ? null : positions
}

/**
 * Qwen's window: off unless `use_sliding_window` is set, and then in the blocks that `layer_types` names, or else in
 * those from `max_window_layers` on.
 *
 * @throws {ModelError} `unsupported-model` when only some of the blocks have it
 */
export function readQwenWindow(json: JsonObject): number | null {
  if (fieldOf(json, 'use_sliding_window') !== true) return null
  const window = fieldOf(json, 'sliding_window') ?? null
  if (window === null) return null
  if (layerTypesSay(json) === null) {
    const first = checkInteger(
      fieldOf(json, 'max_window_layers'),
      'max_window_layers',
      0,
      limits.blockCountMax,
    )
    if (first >= blockCountOf(json)) return null
    if (first > 0)
      throw new ModelError(
        'unsupported-model',
        `only blocks from ${first} on have a sliding window: a window must be in all blocks or in none`,
      )
  }
  return readWindow(json, window)
}

/** Whether `layer_types` puts the window into all blocks (true) or none (false); null without such a key. */
function layerTypesSay(json: JsonObject): boolean | null {
  const types = fieldOf(json, 'layer_types') ?? null
  if (!Array.isArray(types)) return null
  const windowed = types.filter((type) => type === 'sliding_attention').length
  if (windowed > 0 && windowed < types.length)
    throw new ModelError(
      'unsupported-model',
      `${windowed} of ${types.length} blocks have a sliding window: a window must be in all blocks or in none`,
    )
  return windowed > 0
}

function blockCountOf(json: JsonObject): number {
  return checkInteger(fieldOf(json, 'num_hidden_layers'), 'num_hidden_layers', 1, limits.blockCountMax)
}
