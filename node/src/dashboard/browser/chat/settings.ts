/** What a person can set for the chat; null leaves the choice to the model. */
export interface Settings {
  readonly system: string
  readonly temperature: number | null
  readonly topP: number | null
  readonly topK: number | null
  readonly seed: number | null
  readonly maxTokens: number
}

export const defaultSettings: Settings = {
  system: '',
  temperature: null,
  topP: null,
  topK: null,
  seed: null,
  maxTokens: 512,
}

/** Bounds of the API for the numbers. */
export const settingBounds = {
  temperature: { min: 0, max: 2, step: 0.05 },
  topP: { min: 0.05, max: 1, step: 0.05 },
  topK: { min: 0, max: 1000, step: 1 },
  seed: { min: 0, max: 2_147_483_647, step: 1 },
  maxTokens: { min: 1, max: 131_072, step: 1 },
} as const

export type NumberSetting = keyof typeof settingBounds

/** A number within its bounds; null for an empty field, or the default where the field must have a number. */
export function readNumber(name: NumberSetting, text: string): number | null {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value))
    return name === 'maxTokens' ? defaultSettings.maxTokens : null
  const { min, max, step } = settingBounds[name]
  const bounded = Math.min(max, Math.max(min, value))
  return step === 1 ? Math.round(bounded) : bounded
}

/** Reads settings that were stored; what is not right is the default. */
export function restoredSettings(text: string | null): Settings {
  let value: Record<string, unknown>
  try {
    value = (JSON.parse(text ?? '{}') as Record<string, unknown> | null) ?? {}
  } catch {
    value = {}
  }
  const numberOf = (name: NumberSetting): number | null =>
    typeof value[name] === 'number' ? readNumber(name, String(value[name])) : defaultSettings[name]
  return {
    system: typeof value['system'] === 'string' ? value['system'] : '',
    temperature: numberOf('temperature'),
    topP: numberOf('topP'),
    topK: numberOf('topK'),
    seed: numberOf('seed'),
    maxTokens: numberOf('maxTokens') ?? defaultSettings.maxTokens,
  }
}

/** The settings in the API's words. */
export function samplingFields({
  temperature,
  topP,
  topK,
  seed,
  maxTokens,
}: Settings): Record<string, number> {
  return {
    max_tokens: maxTokens,
    ...(temperature !== null && { temperature }),
    ...(topP !== null && { top_p: topP }),
    ...(topK !== null && { top_k: topK }),
    ...(seed !== null && { seed }),
  }
}
