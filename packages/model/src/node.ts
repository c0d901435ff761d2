/**
 * Models on disk: the folder that a model comes in, the folder that its packed tensors live in, and models of random
 * weights for measurements. Node only.
 *
 * @example
 * const source = await openModel(await openFolder('models/llama'))
 * const packed = await packIntoFolder(source, parseProfile('int4:32'), 'data/packed/llama')
 * console.log(packed.manifest.id)
 */
export { openFolder } from './model-folder.ts'
export { createNodeHasher } from './node-hasher.ts'
export { packIntoFolder, type PackIntoFolderOptions } from './pack-into-folder.ts'
export { createPackedFolder, openPackedFolder, type PackedFolder } from './packed-folder.ts'
export { claimPartial, sweepPartials, type PartialFolder, type PartialOwner } from './partial-folder.ts'
export type { Piece, UnitDownload } from './unit-download.ts'
export type { WrittenPiece } from './piece-log.ts'
export type { UnitWriter } from './unit-writer.ts'
export { writeRandomModel, type RandomModelOptions, type RandomModelShape } from './random-model.ts'
