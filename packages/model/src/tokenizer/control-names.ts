/**
 * Texts of tokens that end a turn in published models. Files often name one end token only, which is often that of a text
 * and not that of a turn; llama.cpp adds tokens of these texts for the same reason.
 */
export const turnEnds: ReadonlySet<string> = new Set([
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|end_of_text|>',
  '<|endoftext|>',
  '<end_of_turn>',
  '<turn|>',
  '<|END_OF_TURN_TOKEN|>',
  '<|return|>',
  '<|call|>',
  '<|eot|>',
  '<|end▁of▁sentence|>',
  '<｜end▁of▁sentence｜>',
  '<|endofturn|>',
  '[|endofturn|]',
  '<|end_of_role|>',
  '<end_of_utterance>',
])

/** Texts of tokens that begin a turn or a text, or name the one who speaks. */
const turnBeginnings = [
  '<|im_start|>',
  '<|begin_of_text|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
  '<start_of_turn>',
  '<|turn>',
  '<|START_OF_TURN_TOKEN|>',
  '<|start|>',
  '<|message|>',
  '<|channel|>',
  '<|begin▁of▁sentence|>',
  '<｜begin▁of▁sentence｜>',
  '<｜User｜>',
  '<｜Assistant｜>',
  '<|system|>',
  '<|user|>',
  '<|assistant|>',
  '<|start_of_role|>',
  '[INST]',
  '[/INST]',
  '[SYSTEM_PROMPT]',
  '[/SYSTEM_PROMPT]',
  '[TOOL_RESULTS]',
  '[/TOOL_RESULTS]',
  '[AVAILABLE_TOOLS]',
  '[/AVAILABLE_TOOLS]',
]

/** Control tokens by their text, for files that mark them as ordinary ones. */
export const controlNames: ReadonlySet<string> = new Set([...turnEnds, ...turnBeginnings])
