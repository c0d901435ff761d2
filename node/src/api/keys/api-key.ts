import { z } from 'zod'
import { ShoalError } from '@shoal/host'

/** What callers must send, and what one key may ask for; what is not limited here is bounded by the places alone. */
export interface ApiKey {
  readonly key: string
  /** Stands in refusals; the key itself never does. */
  readonly name?: string | undefined
  readonly requestsPerMinute?: number | undefined
  /** Tokens of prompts and answers. */
  readonly tokensPerMinute?: number | undefined
  /** Answers at once. */
  readonly concurrency?: number | undefined
}

const keyFile = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        key: z.string().min(1),
        requestsPerMinute: z.int().min(1).optional(),
        tokensPerMinute: z.int().min(1).optional(),
        concurrency: z.int().min(1).optional(),
      }),
    )
    .min(1),
})

/**
 * Reads the file of `--api-keys`.
 * @throws {ShoalError} `bad-request` with the place that is wrong; no text of the file, which holds secrets
 */
export function readKeyFile(text: string): ApiKey[] {
  const refuse = (what: string): never => {
    throw new ShoalError(
      'bad-request',
      `${what}; it looks like {"keys": [{"name": "phone", "key": "…", "requestsPerMinute": 60, "tokensPerMinute": 20000, "concurrency": 2}]}, where the limits may be left out`,
    )
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refuse('the file of API keys is not JSON')
  }
  const read = keyFile.safeParse(value)
  if (!read.success) {
    const issue = read.error.issues[0]
    const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : []
    return refuse(`the file of API keys is wrong at '${[...(issue?.path ?? []), ...unknown].join('.')}'`)
  }
  const { keys } = read.data
  for (const field of ['name', 'key'] as const)
    if (new Set(keys.map((key) => key[field])).size < keys.length)
      return refuse(`two API keys have the same ${field}`)
  return keys
}
