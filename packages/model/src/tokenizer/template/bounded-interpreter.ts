import { Interpreter, type Environment } from '@huggingface/jinja'
import { ModelError } from '../../error.ts'
import { limits } from '../../limits.ts'

/** What is used here of the library's interpreter, whose types cannot be resolved. */
interface RunningInterpreter {
  evaluate(
    statement: { readonly type: string } | undefined,
    environment: unknown,
  ): { readonly value: unknown }
  run(program: unknown): { readonly value: unknown }
}

/** A list entry is an object of some 50 bytes; a character takes one byte or two. */
const entrySize = 16

/**
 * Runs templates that may make so much text and so many list entries, all values together. V8 may abort the whole process
 * when a thread's heap is full, and a template can fill it faster than anybody looks.
 */
export function createBoundedInterpreter(environment: Environment): RunningInterpreter {
  const interpreter = new Interpreter(environment) as unknown as RunningInterpreter
  const evaluate = interpreter.evaluate.bind(interpreter)
  let made = 0
  interpreter.evaluate = (statement, scope) => {
    const result = evaluate(statement, scope)
    // A name makes nothing: its value exists already.
    if (statement?.type !== 'Identifier') made += sizeOf(result.value)
    if (made > limits.templateValuesMax)
      throw new ModelError('limit-exceeded', "the model's chat template needs too much memory for this chat")
    return result
  }
  return interpreter
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return 1 + value.length
  if (Array.isArray(value)) return entrySize * (1 + value.length)
  return value instanceof Map ? entrySize * (1 + value.size) : 1
}
