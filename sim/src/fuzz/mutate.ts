import type { Random } from '@shoal/host'
import { joinInput, refit, splitInput, withInnerLength, type Form } from './forms.ts'
import { below, mutateBytes } from './mutate-bytes.ts'
import { mutateItems } from './mutate-items.ts'
import { mutateJson } from './mutate-json.ts'

/** An input of the corpus, and how its bytes are laid out. */
export interface Sample {
  readonly form: Form
  readonly bytes: Uint8Array
}

/**
 * One to three changes of a valid input. Half of them follow the input's grammar: values take the place of others, and the
 * heads around them fit again. The rest changes bytes, and often gets a head that fits, so that it is read.
 */
export function mutate(own: Sample, random: Random, other: Sample): Uint8Array {
  const byGrammar = below(random, 2) === 0
  let mutated = own.bytes
  for (let count = 1 + below(random, 3); count > 0; count -= 1) {
    const sample = { form: own.form, bytes: mutated }
    mutated =
      (byGrammar ? mutateInner(sample, random, other) : null) ?? mutateBytes(mutated, random, other.bytes)
  }
  if (own.form === 'code') return byGrammar ? refit('code', mutated) : mutated
  if (byGrammar) return mutated
  if (below(random, 10) === 0) return withInnerLength(own.form, mutated, below(random, 0x10000))
  return below(random, 3) === 0 ? refit(own.form, mutated) : mutated
}

/** @returns null for an input without a part that has a grammar */
function mutateInner({ form, bytes }: Sample, random: Random, other: Sample): Uint8Array | null {
  const parts = splitInput(form, bytes)
  if (parts === null) return null
  const inner =
    form === 'tab'
      ? mutateJson(parts.inner, random)
      : mutateItems(parts.inner, random, splitInput(other.form, other.bytes)?.inner ?? other.bytes)
  return joinInput(form, { ...parts, inner })
}
