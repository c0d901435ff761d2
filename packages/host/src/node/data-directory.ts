import { resolve } from 'node:path'
import envPaths from 'env-paths'

/**
 * Where a node keeps its key, models and log: `--data`, else `SHOAL_DATA`, else the platform's standard place
 * (`~/.local/share/shoal`, `~/Library/Application Support/shoal`, `%LOCALAPPDATA%\shoal\Data`).
 */
export function dataDirectory(explicit?: string, environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = explicit ?? environment['SHOAL_DATA']
  // An empty variable is how shells unset one for a single command.
  if (chosen !== undefined && chosen !== '') return resolve(chosen)
  return envPaths('shoal', { suffix: '' }).data
}
