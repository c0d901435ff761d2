const linear = 'linear attention (gated delta networks)'
const spaces = 'state-space blocks'

/** What published families need that no graph computes in a canonical form: a refusal names it. */
const missingParts: Readonly<Record<string, string>> = {
  bamba: spaces,
  falcon_h1: spaces,
  falcon_mamba: spaces,
  gemma3n: 'embeddings for each layer and shared key/value caches',
  gemma4: 'heads of another size in some blocks, and a dense network beside the experts',
  glm4_moe: 'experts in groups',
  granitemoehybrid: spaces,
  jamba: spaces,
  kimi_linear: linear,
  lfm2_moe: 'short convolutions beside experts',
  llama4: 'chunked attention and experts that scale their inputs',
  mamba: spaces,
  mamba2: spaces,
  minimax: linear,
  nemotron_h: spaces,
  qwen3_5: linear,
  qwen3_5_moe: linear,
  qwen3_next: linear,
  qwen3_vl: 'rotation by three positions (M-RoPE)',
  qwen2_vl: 'rotation by three positions (M-RoPE)',
  qwen2_5_vl: 'rotation by three positions (M-RoPE)',
}

/** What a published family needs beyond what can be computed here; null for a family that is not known. */
export function missingPart(family: unknown): string | null {
  return typeof family === 'string' && Object.hasOwn(missingParts, family)
    ? (missingParts[family] ?? null)
    : null
}
