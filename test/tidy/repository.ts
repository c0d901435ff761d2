/** The repository's files and parsed code, read once per test file. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { listFiles, readCode, readManifest, root, type CodeFile } from './source.ts'

export const files = listFiles()

const code = files.filter((file) => /\.(ts|js|mjs)$/.test(file.path)).map(readCode)

/** Code of the workspaces. The demo model's training scripts follow rules of their own. */
export const source = code.filter(
  (file) => file.workspace !== '' && !file.path.startsWith('packages/demo-model/train/'),
)

export const workspaces = [...new Set(files.map((file) => file.workspace))].filter(
  (workspace) => existsSync(join(root, workspace, 'package.json')) && workspace !== '',
)

export const workspaceByName = new Map(
  workspaces.map((workspace) => [readManifest(workspace).name, workspace]),
)

/** Lines of files that match a pattern, as `path:line advice`. */
export function findingsOf(
  pattern: RegExp,
  advice: string,
  among: readonly CodeFile[],
  part: 'text' | 'code' = 'code',
): string[] {
  return among.flatMap((file) =>
    file[part]
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1} ${advice}`] : [])),
  )
}
