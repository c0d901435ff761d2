import { ModelError } from '../../error.ts'
import { show, type JsonObject } from '../../json-fields.ts'
import type { Metadata } from '../../sources/gguf/metadata.ts'
import { splitsNamed } from './text-splits.ts'
import { idsByToken, surroundings, type TokenizerParts } from './vocabulary.ts'

/** Byte-pair encoding over bytes (GPT-2, Llama 3, Qwen …); `tokenizer.ggml.pre` names how a text is split first. */
export function byteLevelTokenizer(metadata: Metadata, { vocabulary, added }: TokenizerParts): JsonObject {
  const merges = metadata.texts('tokenizer.ggml.merges')
  if (merges === null) throw new ModelError('bad-model', 'the GGUF file has no merges')
  const { normalizer, splits, wholeWords, beginning, separator } = splitsNamed(
    metadata.text('tokenizer.ggml.pre'),
  )
  const byteLevel = { add_prefix_space: false, trim_offsets: false, use_regex: false }
  return {
    added_tokens: added,
    normalizer,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...splits, { type: 'ByteLevel', ...byteLevel }] },
    post_processor: surroundings(metadata, vocabulary, { beginning, end: false, separator }),
    decoder: { type: 'ByteLevel', ...byteLevel },
    model: {
      type: 'BPE',
      ignore_merges: wholeWords,
      vocab: idsByToken(vocabulary),
      merges: merges.map(pairOf),
    },
  }
}

/** Two tokens with a space between them; the first may itself begin with one. */
function pairOf(merge: string): [string, string] {
  const at = merge.indexOf(' ', 1)
  if (at < 0 || at === merge.length - 1)
    throw new ModelError('bad-model', `the merge ${show(merge)} of the GGUF file is not a pair`)
  return [merge.slice(0, at), merge.slice(at + 1)]
}
