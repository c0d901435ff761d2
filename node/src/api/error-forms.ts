import { anthropicError } from './anthropic/error-form.ts'
import type { ErrorForm } from './errors.ts'
import { ollamaError } from './ollama/face.ts'

/** The form of errors is that of the dialect to which a path belongs; undefined for OpenAI's. */
export function errorForm(path: string): ErrorForm | undefined {
  if (path.startsWith('/v1/messages')) return anthropicError
  return path.startsWith('/api/') ? ollamaError : undefined
}
