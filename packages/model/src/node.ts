/**
 * Models on disk: the folder that a model comes in, the folder that its packed tensors live in, and models of random
 * weights for measurements. Node only.
 *
 * @example
 * const source = await openModel(await openFolder('models/llama'))
 * const packed = await packIntoFolder(source, parseProfile('int4:128'), 'data/packed/llama')
 * console.log(packed.manifest.id)
 */
export { isGgufName, openFolder, openGgufFile, type GgufFile } from './sources/model-folder.ts'
export { createNodeHasher } from './manifest/node-hasher.ts'
export { packIntoFolder, type PackIntoFolderOptions } from './packing/folder/pack-into-folder.ts'
export { createPackedFolder, openPackedFolder, type PackedFolder } from './packing/folder/packed-folder.ts'
export {
  claimPartial,
  sweepPartials,
  type PartialFolder,
  type PartialOwner,
} from './packing/folder/partial-folder.ts'
export type { Piece } from './packing/folder/download/pieces.ts'
export type { UnitDownload } from './packing/folder/download/unit-download.ts'
export type { WrittenPiece } from './packing/folder/download/piece-log.ts'
export { isOwnDiskFault } from './packing/folder/disk/full-disk.ts'
export { renameWhenFree } from './packing/folder/disk/rename-when-free.ts'
export type { UnitWriter } from './packing/folder/unit-writer.ts'
export {
  writeRandomModel,
  type RandomModelOptions,
  type RandomModelShape,
} from './sources/random/random-model.ts'
