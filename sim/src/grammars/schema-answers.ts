import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { grammarText } from '@shoal/grammar'
import { randomSchema } from '@shoal/grammar/testing'
import { seededRandom, ShoalError } from '@shoal/host'
import { ModelError, type JsonObject } from '@shoal/model'
import type { Engine, GenerateResult } from '@shoal/swarm'

/** What answers to random schemas were like. */
export interface SchemaAnswers {
  /** Answers that came to their end, all of which are valid unless `violations` says otherwise. */
  finished: number
  /** Answers that reached their limit of tokens before. */
  cut: number
  /** Seeds whose schemas cannot be kept, and were refused. */
  refused: number
  tokens: number
  readonly violations: { readonly seed: number; readonly violation: string }[]
}

export interface SchemaAnswersOptions {
  /** First seed; the next ones follow until `count` schemas were kept to. */
  readonly from: number
  readonly count: number
  readonly maxTokens: number
  readonly report?: (done: number, answers: SchemaAnswers) => void
}

/** High enough that a small model writes whatever it may. */
const temperature = 1.5

/**
 * Lets a model answer under random schemas, and checks what it has written with ajv, which knows nothing of grammars. All
 * tokens may be drawn, so that only the grammar keeps the model from writing something else.
 */
export async function answerRandomSchemas(
  engine: Engine,
  { from, count, maxTokens, report }: SchemaAnswersOptions,
): Promise<SchemaAnswers> {
  const ajv = new Ajv2020({ strict: false, ownProperties: true })
  addFormats.default(ajv)
  const answers: SchemaAnswers = { finished: 0, cut: 0, refused: 0, tokens: 0, violations: [] }
  const promptIds = (await engine.tokenizer?.encode('Answer in JSON: ')) ?? [1]
  for (let seed = from, done = 0; done < count; seed += 1) {
    const schema = randomSchema(seededRandom(seed))
    if (!isKept(schema)) {
      answers.refused += 1
      continue
    }
    const result = await answerOf(engine, { promptIds, schema, seed, maxTokens })
    done += 1
    report?.(done, answers)
    if (result === null) {
      answers.refused += 1
      continue
    }
    answers.tokens += result.completionTokens
    if (result.finishReason !== 'stop') {
      answers.cut += 1
      continue
    }
    answers.finished += 1
    const validate = ajv.compile(schema)
    const violation = violationOf(result.text, (value) =>
      validate(value) ? null : ajv.errorsText(validate.errors),
    )
    if (violation !== null)
      answers.violations.push({
        seed,
        violation: `${violation}: ${result.text} for ${JSON.stringify(schema)}`,
      })
  }
  return answers
}

function isKept(schema: JsonObject): boolean {
  try {
    grammarText({ kind: 'json-schema', schema })
    return true
  } catch (error) {
    if (error instanceof ModelError) return false
    throw error
  }
}

interface Asked {
  readonly promptIds: readonly number[]
  readonly schema: JsonObject
  readonly seed: number
  readonly maxTokens: number
}

/** @returns null for a grammar that takes the library too long */
async function answerOf(
  engine: Engine,
  { promptIds, schema, seed, maxTokens }: Asked,
): Promise<GenerateResult | null> {
  const sampling = { ...engine.defaultSampling, temperature, topK: 0, topP: 1, seed }
  const grammar = { kind: 'json-schema', schema } as const
  try {
    for await (const event of engine.generate({ promptIds, maxTokens, sampling, grammar }))
      if (event.type === 'done') return event.result
  } catch (error) {
    if ((error instanceof ModelError || error instanceof ShoalError) && error.code === 'bad-request')
      return null
    throw error
  }
  throw new Error('an answer ended without its result')
}

function violationOf(text: string, check: (value: unknown) => string | null): string | null {
  try {
    return check(JSON.parse(text))
  } catch (error) {
    return error instanceof SyntaxError ? error.message : String(error)
  }
}
