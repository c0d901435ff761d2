import { open, readdir, realpath, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { ModelError } from '../error.ts'
import { isAssetName } from '../manifest/assets.ts'
import { handleReader, isNoEntry } from './file-reader.ts'
import { otherFormat, refusePointer } from './other-formats.ts'
import type { ModelFiles, RangeReader } from './range-reader.ts'

/**
 * The files of a model folder in Hugging Face layout, read by range. Handles stay open until `close`.
 * @throws {ModelError} `not-found` or `unsupported-model` with what to do instead
 */
export async function openFolder(path: string): Promise<ModelFiles> {
  const folder = resolve(path)
  await refuseOthers(path, folder)
  return folderFiles(folder)
}

/** A GGUF file, and its folder for the other parts of a split model. */
export interface GgufFile {
  readonly files: ModelFiles
  readonly fileName: string
}

/** @throws {ModelError} `not-found` when there is no such file */
export async function openGgufFile(path: string): Promise<GgufFile> {
  const file = resolve(path)
  if ((await statOrNull(file))?.isFile() !== true)
    throw new ModelError('not-found', `there is no file ${path}`)
  return { files: folderFiles(dirname(file)), fileName: basename(file) }
}

/** Whether a path names a GGUF file, whether or not it is there. */
export function isGgufName(path: string): boolean {
  return path.toLowerCase().endsWith('.gguf')
}

function folderFiles(folder: string): ModelFiles {
  const handles = new Map<string, Promise<{ handle: FileHandle; reader: RangeReader } | null>>()
  return {
    name: basename(folder),
    open: async (fileName) => {
      const known = handles.get(fileName) ?? openReader(folder, fileName)
      handles.set(fileName, known)
      try {
        return (await known)?.reader ?? null
      } catch (error) {
        // Too many open files, say: the next attempt may work.
        handles.delete(fileName)
        throw error
      }
    },
    list: () => readdir(folder),
    close: async () => {
      const opened = await Promise.allSettled(handles.values())
      handles.clear()
      for (const result of opened) if (result.status === 'fulfilled') await result.value?.handle.close()
    },
  }
}

async function refuseOthers(path: string, folder: string): Promise<void> {
  const stats = await statOrNull(folder)
  if (stats === null)
    throw new ModelError(
      'not-found',
      `there is no folder ${path}; a model is a folder, a .gguf file, org/name on the hub, or demo`,
    )
  if (!stats.isDirectory())
    throw new ModelError(
      'bad-request',
      `${path} is a file; give a .gguf file, or the folder that holds config.json and the safetensors files`,
    )
  if ((await statOrNull(join(folder, 'config.json'))) !== null) return
  const fileNames = await readdir(folder)
  const gguf = fileNames.find(isGgufName)
  const format = otherFormat(fileNames)
  throw new ModelError(
    'not-found',
    gguf === undefined
      ? `${path} has no config.json: ${format ?? 'not a model in Hugging Face layout'}`
      : `${path} has no config.json; to use the GGUF file that it holds, name the file: ${join(path, gguf)}`,
  )
}

async function openReader(
  folder: string,
  fileName: string,
): Promise<{ handle: FileHandle; reader: RangeReader } | null> {
  if (basename(fileName) !== fileName)
    throw new ModelError('bad-request', `'${fileName}' is not the name of a file in a model folder`)
  const path = join(folder, fileName)
  if ((await statOrNull(path))?.isFile() !== true) return null
  if (isAssetName(fileName)) await refuseOutsideLink(folder, fileName)
  const handle = await open(path, 'r')
  try {
    const reader = handleReader(handle, (await handle.stat()).size, fileName)
    await refusePointer(reader, fileName)
    return { handle, reader }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * Files beside the weights are published to every peer, byte by byte, so a downloaded folder must not bring a link to a file
 * of this machine. A hub's cache links `snapshots/COMMIT/FILE` to `blobs/` of the same model.
 * @throws {ModelError} `bad-model`
 */
async function refuseOutsideLink(folder: string, fileName: string): Promise<void> {
  const [root, target] = [await realpath(folder), await realpath(join(folder, fileName))]
  const inCache = basename(dirname(root)) === 'snapshots' ? [join(root, '..', '..', 'blobs')] : []
  if ([root, ...inCache].some((parent) => target.startsWith(parent + sep))) return
  throw new ModelError(
    'bad-model',
    `${fileName} is a link to a file outside its model's folder, and it would be sent to peers; put a copy into the folder if that is wanted`,
  )
}

async function statOrNull(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (isNoEntry(error)) return null
    throw error
  }
}
