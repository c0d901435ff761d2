/** How a family of models writes calls of tools and thoughts into its output. */
export interface OutputFormat {
  readonly name: string
  /** Texts that begin calls. */
  readonly open: readonly string[]
  /** Texts that end calls; without one, calls end with the first text that is neither a call nor between two. */
  readonly close: readonly string[]
  /** An output that begins with a JSON object which names a tool is a call too. */
  readonly bare: boolean
}

/** What surrounds thoughts. Only an output that begins with the first text has them. */
export const thoughtMarks: readonly (readonly [string, string])[] = [
  ['<think>', '</think>'],
  ['[THINK]', '[/THINK]'],
]

const hermes: OutputFormat = { name: 'hermes', open: ['<tool_call>'], close: ['</tool_call>'], bare: false }

/**
 * Formats by a text that templates write for a call. Qwen, Hermes, Granite 4 and GLM share a mark: what stands inside is
 * told apart when it comes.
 */
const formats: readonly (readonly [string, OutputFormat])[] = [
  ['<|channel|>', { name: 'harmony', open: [], close: [], bare: false }],
  [
    '<｜tool▁calls▁begin｜>',
    { name: 'deepseek', open: ['<｜tool▁calls▁begin｜>'], close: ['<｜tool▁calls▁end｜>'], bare: false },
  ],
  ['[TOOL_CALLS]', { name: 'mistral', open: ['[TOOL_CALLS]'], close: [], bare: false }],
  ['<|tool_call|>', { name: 'phi', open: ['<|tool_call|>'], close: ['<|/tool_call|>'], bare: false }],
  ['<tool_call>', hermes],
  [
    '"parameters": {',
    {
      name: 'llama',
      open: ['<|python_tag|>', '<function='],
      close: ['</function>'],
      bare: true,
    },
  ],
]

/** Models whose template knows no tools are told about them in words, in the form that most models have seen. */
export const genericFormat: OutputFormat = { ...hermes, name: 'generic', bare: true }

/** @param prompt of a chat with a call of a tool, as the model's template writes it; null where it cannot */
export function formatOfPrompt(prompt: string | null): OutputFormat {
  if (prompt === null) return genericFormat
  return formats.find(([mark]) => prompt.includes(mark))?.[1] ?? genericFormat
}

/** Special tokens whose text a parser must see. */
export function marksOf({ name, open, close }: OutputFormat): readonly string[] {
  return [...open, ...close, ...thoughtMarks.flat(), ...(innerMarks[name] ?? [])]
}

export const harmonyMarks = [
  '<|start|>',
  '<|channel|>',
  '<|constrain|>',
  '<|message|>',
  '<|end|>',
  '<|call|>',
  '<|return|>',
] as const

const innerMarks: Readonly<Record<string, readonly string[]>> = {
  harmony: harmonyMarks,
  mistral: ['[ARGS]', '[CALL_ID]'],
  deepseek: ['<｜tool▁call▁begin｜>', '<｜tool▁call▁end｜>', '<｜tool▁sep｜>'],
}
