import type { ModelConfig } from '../config/model-config.ts'
import type { NumericProfile } from '../packing/profile.ts'

/** A file that travels with a model beside its weights: tokenizer.json, vocab.json, merges.txt, chat template … */
export interface ManifestAsset {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

export type PackedType = 'f32' | 'u8'

/**
 * Units are the files that packed tensors live in, and what a span needs: `embed`, `block-0` … `block-(L-1)`, `head`,
 * and `block-0-expert-0` … for each expert of a block.
 * With tied embeddings the head's matrix is `embed.weight` and unit `head` holds only the final norm.
 */
export type UnitName = string

/** One packed tensor: where it lies in its unit's file, and what its bytes must hash to. */
export interface ManifestTensor {
  /** e.g. `block-3.qkv.weight`; the part before the first dot is the unit. */
  readonly name: string
  readonly type: PackedType
  readonly shape: readonly number[]
  /** Byte offset in the unit's file; 64-byte aligned. */
  readonly offset: number
  readonly bytes: number
  readonly sha256: string
}

/** Raised whenever earlier manifests can no longer be read. Models are then packed again. */
export const manifestVersion = 2

/**
 * What a swarm agrees on. Its id covers everything: two peers with the same id have the same bytes, tokenizer and
 * numeric profile, so within a numeric class they compute the same bits.
 */
export interface Manifest {
  readonly version: typeof manifestVersion
  /** A name for people; part of the id. */
  readonly name: string
  readonly config: ModelConfig
  readonly profile: NumericProfile
  readonly assets: readonly ManifestAsset[]
  /** In unit order, then in file order. */
  readonly tensors: readonly ManifestTensor[]
}

/** A manifest, its canonical bytes (deterministic CBOR) and its id (lower-case hex sha256 of those bytes). */
export interface IdentifiedManifest {
  readonly id: string
  readonly bytes: Uint8Array
  readonly manifest: Manifest
}
