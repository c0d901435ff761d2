import { ModelError } from '../../error.ts'
import { asObject, checkInteger, fieldOf, parseJson, show } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import { refuseOverlaps, type LocatedBytes, type LocatedTensor } from '../located-tensor.ts'
import type { RangeReader } from '../range-reader.ts'
import {
  codeTypes,
  floatTypes,
  isCodeType,
  isFloatType,
  type CodeType,
  type FloatType,
} from '../stored-types.ts'

export type LocatedCodes = LocatedBytes & { readonly type: CodeType }

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, LocatedTensor>
  /** Tensors of codes, which are read together with their scales. */
  readonly codes: ReadonlyMap<string, LocatedCodes>
  /** Dtypes of all other tensors than `tensors`, those of codes included. */
  readonly skipped: ReadonlyMap<string, string>
}

/**
 * Reads the header of a safetensors file (https://huggingface.co/docs/safetensors, "Format"): 8 bytes of length, that many
 * bytes of JSON, then the data section, which is not read. Tensors of a dtype that cannot be read are listed under
 * `skipped`, because the model may not need them.
 *
 * @throws {ModelError} `bad-model` when its lengths, offsets or shapes contradict each other or the file, or tensors overlap
 */
export async function readSafetensorsHeader(
  reader: RangeReader,
  fileName: string,
  signal?: AbortSignal,
): Promise<SafetensorsHeader> {
  if (reader.size < 8)
    throw new ModelError(
      'bad-model',
      `${fileName} has ${reader.size} bytes: too short for a safetensors header`,
    )
  const lengthBytes = await reader.read(0, 8, signal)
  const length = new DataView(lengthBytes.buffer, lengthBytes.byteOffset, 8).getBigUint64(0, true)
  if (length > BigInt(limits.safetensorsHeaderBytesMax)) {
    throw new ModelError(
      'bad-model',
      `${fileName}: its header claims ${length} bytes, more than the ${limits.safetensorsHeaderBytesMax} allowed`,
    )
  }
  const headerBytes = Number(length)
  const dataStart = 8 + headerBytes
  if (dataStart > reader.size)
    throw new ModelError(
      'bad-model',
      `${fileName}: its header claims ${headerBytes} bytes, but the file ends after ${reader.size}`,
    )
  const header = asObject(
    parseJson(await reader.read(8, headerBytes, signal), `the header of ${fileName}`),
    `the header of ${fileName}`,
  )
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__')
  if (entries.length > limits.safetensorsTensorsMax) {
    throw new ModelError(
      'bad-model',
      `${fileName} names ${entries.length} tensors, more than the ${limits.safetensorsTensorsMax} allowed`,
    )
  }
  const tensors = new Map<string, LocatedTensor>()
  const codes = new Map<string, LocatedCodes>()
  const skipped = new Map<string, string>()
  for (const [name, value] of entries) {
    const entry = asObject(value, `tensor ${show(name)} of ${fileName}`)
    const dtype = fieldOf(entry, 'dtype')
    const located = <T extends FloatType | CodeType>(type: T): LocatedBytes & { readonly type: T } =>
      locatedTensor(
        name,
        type,
        fieldOf(entry, 'shape'),
        fieldOf(entry, 'data_offsets'),
        dataStart,
        reader.size,
      )
    if (isFloatType(dtype)) tensors.set(name, located(dtype))
    else skipped.set(name, show(dtype))
    if (isCodeType(dtype)) codes.set(name, located(dtype))
  }
  refuseOverlaps([...tensors.values(), ...codes.values()], fileName)
  return { tensors, codes, skipped }
}

function locatedTensor<T extends FloatType | CodeType>(
  name: string,
  type: T,
  shape: unknown,
  range: unknown,
  dataStart: number,
  fileSize: number,
): LocatedBytes & { readonly type: T } {
  const what = `tensor ${show(name)}`
  if (!Array.isArray(shape) || shape.length > limits.rankMax)
    throw new ModelError(
      'bad-model',
      `${what}: its shape must be a list of at most ${limits.rankMax} numbers`,
    )
  let count = 1
  for (const size of shape as unknown[]) {
    count *= checkInteger(size, `${what}: each dimension`, 0, Number.MAX_SAFE_INTEGER)
    if (count > Number.MAX_SAFE_INTEGER / 8)
      throw new ModelError('bad-model', `${what}: shape ${show(shape)} is too large`)
  }
  if (!Array.isArray(range) || range.length !== 2)
    throw new ModelError('bad-model', `${what}: data_offsets must be two numbers`)
  const begin = checkInteger(range[0], `${what}: its begin`, 0, fileSize - dataStart)
  const end = checkInteger(range[1], `${what}: its end`, begin, fileSize - dataStart)
  const bytes = count * { ...floatTypes, ...codeTypes }[type].bytes
  if (end - begin !== bytes) {
    throw new ModelError(
      'bad-model',
      `${what}: shape ${show(shape)} of ${type} needs ${bytes} bytes, but data_offsets give ${end - begin}`,
    )
  }
  return { name, type, shape: shape as number[], offset: dataStart + begin, bytes }
}
