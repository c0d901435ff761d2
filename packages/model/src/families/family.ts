import type { BlockSpec } from '../config/block-spec.ts'
import type { CheckpointNames } from '../config/checkpoint-names.ts'
import type { ModelConfig } from '../config/model-config.ts'
import type { JsonObject } from '../json-fields.ts'
import type { BlockTensorName } from '../packing/block-tensors.ts'

/** One family of models: how its config.json is read, what its blocks are, and how its checkpoints name tensors. */
export interface Family {
  /** `model_type` of config.json. */
  readonly name: string
  /**
   * Reads a config.json of this family. Whatever would change the numbers and is not implemented is refused with the
   * name of its key, never ignored.
   *
   * @param generation generation_config.json, or an empty object
   * @returns a config in our vocabulary, not yet checked
   * @throws {ModelError} `unsupported-model`, `bad-model`
   */
  parse(json: JsonObject, generation: JsonObject): unknown
  /** @param index of the block in the model, from 0 */
  block(config: ModelConfig, index: number): BlockSpec
  readonly checkpoint: CheckpointNames
  /** Its blocks are mixtures of experts, and its configs have `experts`. */
  readonly expertsIn?: true
  /** How llama.cpp's converter writes this family; absent when its GGUF files are not read. */
  readonly gguf?: {
    /** `general.architecture`. */
    readonly architecture: string
    /** The two halves of each head are interleaved in the rows of q and k. */
    readonly interleaved: boolean
    /** Keys behind the architecture's name that only this family has, all of them numbers. */
    readonly keys?: readonly string[]
    /** Endings of the names of a block's tensors that differ from those of other families. */
    readonly endings?: Readonly<Partial<Record<BlockTensorName, readonly string[]>>>
    /**
     * Fields of config.json that these keys stand for.
     * @param number the value of a key behind the architecture's name
     */
    fields?(number: (key: string) => number | undefined): JsonObject
  }
}
