import { ModelError } from '../error.ts'
import { checkInteger, fieldOf, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { ModelConfig } from './model-config.ts'

/** The sliding window of a model, and the blocks that have it; without a list all blocks have it. */
export type Windows = Pick<ModelConfig, 'slidingWindow' | 'windowedBlocks'>

const noWindow: Windows = { slidingWindow: null }

/**
 * Reads a sliding window, and from `layer_types` the blocks that have it.
 *
 * @param window value of `sliding_window`, with the family's default for an absent key: positions that a query sees, its own
 *   included; null for all of them
 * @param isWindowed whether a block has the window where the config has no `layer_types`; true by default
 */
export function readWindows(
  json: JsonObject,
  window: unknown,
  isWindowed: (index: number) => boolean = () => true,
): Windows {
  if (window === null || window === undefined) return noWindow
  const slidingWindow = checkInteger(window, 'sliding_window', 1, limits.contextLengthMax)
  const types = fieldOf(json, 'layer_types') ?? null
  const windowedBlocks = Array.isArray(types)
    ? types.map((type) => type === 'sliding_attention')
    : Array.from({ length: blockCountOf(json) }, (_, index) => isWindowed(index))
  if (!windowedBlocks.includes(true)) return noWindow
  return windowedBlocks.includes(false) ? { slidingWindow, windowedBlocks } : { slidingWindow }
}

/** A window that no session can fill is none: the graph is simpler without it. For families whose window decides nothing else. */
export function withoutIdleWindow(json: JsonObject, windows: Windows): Windows {
  const contextLength = fieldOf(json, 'max_position_embeddings') ?? null
  const { slidingWindow } = windows
  return slidingWindow !== null && typeof contextLength === 'number' && slidingWindow >= contextLength
    ? noWindow
    : windows
}

/**
 * Qwen's window: off unless `use_sliding_window` is set, and then in the blocks that `layer_types` names, or else in
 * those from `max_window_layers` on.
 */
export function readQwenWindows(json: JsonObject): Windows {
  if (fieldOf(json, 'use_sliding_window') !== true) return noWindow
  const window = fieldOf(json, 'sliding_window') ?? null
  if (window === null) return noWindow
  if (Array.isArray(fieldOf(json, 'layer_types'))) return withoutIdleWindow(json, readWindows(json, window))
  const what = 'max_window_layers'
  const first = checkInteger(fieldOf(json, what), what, 0, limits.blockCountMax)
  return withoutIdleWindow(
    json,
    readWindows(json, window, (index) => index >= first),
  )
}

/**
 * Qwen's mixtures of experts read the keys of the window otherwise than the dense models, each family in its own way, and no
 * published config has one.
 * @throws {ModelError} `unsupported-model` when the window is on
 */
export function refuseQwenWindows(json: JsonObject): Windows {
  if (fieldOf(json, 'use_sliding_window') === true)
    throw new ModelError('unsupported-model', 'use_sliding_window is not supported for mixtures of experts')
  return noWindow
}

/** The blocks of a model in which every one of `period` blocks differs: the last of each run. */
export function lastOfEach(period: unknown, what: string): (index: number) => boolean {
  const count = checkInteger(period, what, 1, limits.blockCountMax)
  return (index) => (index + 1) % count === 0
}

export function blockCountOf(json: JsonObject): number {
  return checkInteger(fieldOf(json, 'num_hidden_layers'), 'num_hidden_layers', 1, limits.blockCountMax)
}
