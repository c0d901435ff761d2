import { ModelError } from '../error.ts'
import type { RangeReader } from './range-reader.ts'

const pointerStart = 'version https://git-lfs.github.com/spec/'
/** Pointers have three lines (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md). */
const pointerBytesMax = 1024

/**
 * A clone of a model without Git LFS has a few lines of text in the place of each large file.
 * @throws {ModelError} `bad-model` that says so, and how to get the file
 */
export async function refusePointer(reader: RangeReader, fileName: string): Promise<void> {
  if (reader.size < pointerStart.length || reader.size > pointerBytesMax) return
  const start = new TextDecoder().decode(await reader.read(0, pointerStart.length))
  if (start !== pointerStart) return
  throw new ModelError(
    'bad-model',
    `${fileName} is a pointer of Git LFS and not the file itself: 'git lfs pull' in its folder fetches the file, and 'shoal model pull ORG/NAME' the whole model`,
  )
}

/** What a folder without safetensors files is, by the names of its files; null when they tell nothing. */
export function otherFormat(fileNames: readonly string[]): string | null {
  if (fileNames.includes('adapter_config.json'))
    return 'it is an adapter (LoRA), which changes another model: merge it into that model, and give the merged one'
  const pickled = fileNames.find((name) => /^(pytorch_model.*\.bin|.*\.(pth?|ckpt))$/.test(name))
  if (pickled !== undefined)
    return `${pickled} is a file of PyTorch, which is not read because it can contain programs: save the model as safetensors (save_pretrained of transformers does)`
  const other = fileNames.find((name) => /\.(onnx|h5|msgpack|tflite)$/.test(name))
  return other === undefined ? null : `${other} is of a format that is not read: safetensors and GGUF are`
}
