import { ModelError } from '@shoal/model'

/** @param path JSON pointer of the schema that the keyword stands in */
export function refused(path: string, keyword: string, reason: string): ModelError {
  return new ModelError(
    'bad-request',
    `the JSON schema at ${path === '' ? 'its root' : path} cannot become a grammar: '${keyword}' ${reason}`,
  )
}
