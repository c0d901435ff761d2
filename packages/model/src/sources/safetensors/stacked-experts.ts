import { ModelError } from '../../error.ts'
import { show } from '../../json-fields.ts'
import { blockTypes } from '../stored-types.ts'
import type { StoredRows, StoredTensor, TensorSource } from '../tensor-source.ts'
import { widen } from '../widen.ts'
import type { CodedTensors } from './safetensors-source.ts'

/** `…mlp.experts.3.gate_proj.weight`. */
const expertName = /^(.*mlp\.experts\.)(0|[1-9]\d{0,5})\.(gate|up|down)_proj\.(weight|bias)$/
const stackedName = /mlp\.experts\.(gate_up|down)_proj(_bias|_blocks|_scales)?$/

/** A tensor of one expert in a checkpoint that has one tensor for all experts. */
interface ExpertPart {
  readonly name: string
  readonly expert: number
  /** The tensor of all experts, without an ending. */
  readonly stacked: string
  readonly isBias: boolean
  /** Rows of gate and up alternate: every `step`-th row, from `first` on, is the part's. */
  readonly step: number
  readonly first: number
}

/**
 * The tensors of gpt-oss, where experts share tensors, under names of their own for each expert, as other families have them.
 * Weights are float matrices `[experts, inputs, outputs]`, or MXFP4: `_blocks` u8 `[experts, outputs, inputs / 32, 16]` with two
 * codes of 4 bits in a byte, the lower half first, and `_scales` u8 `[experts, outputs, inputs / 32]`, exponents of two.
 */
export function stackedExperts(source: TensorSource, codes: CodedTensors): TensorSource {
  const matrixOf = rememberLast((part: ExpertPart, signal?: AbortSignal) =>
    readMatrix(source, codes, part, signal),
  )
  return {
    tensorNames: async (signal) =>
      (await source.tensorNames(signal)).filter((name) => !stackedName.test(name)),
    tensor: async (name, signal) => {
      const part = partOf(name)
      if (part === null) return source.tensor(name, signal)
      return part.isBias
        ? biasTensor(source, part, signal)
        : matrixTensor(source, codes, part, signal).then(({ type, rows, columns }) => ({
            name,
            type,
            shape: [rows / part.step, columns],
          }))
    },
    readRows: async (name, rowStart, rowEnd, signal) => {
      const part = partOf(name)
      if (part === null) return source.readRows(name, rowStart, rowEnd, signal)
      const rows = part.isBias ? await readBias(source, part, signal) : await matrixOf(part, signal)
      return rowsOf(rows, part, rowStart, rowEnd)
    },
  }
}

function partOf(name: string): ExpertPart | null {
  const [, prefix, expert, part, kind] = expertName.exec(name) ?? []
  if (prefix === undefined) return null
  const isDown = part === 'down'
  return {
    name,
    expert: Number(expert),
    stacked: `${prefix}${isDown ? 'down' : 'gate_up'}_proj`,
    isBias: kind === 'bias',
    step: isDown ? 1 : 2,
    first: part === 'up' ? 1 : 0,
  }
}

/** All rows of one expert, those of gate and up alternating. */
interface ExpertRows extends StoredRows {
  readonly rows: number
}

/** Some rows of a part. */
function rowsOf({ type, bytes, rows }: ExpertRows, part: ExpertPart, start: number, end: number): StoredRows {
  const count = rows / part.step
  if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= count))
    throw new ModelError(
      'bad-request',
      `rows [${start}, ${end}) are not inside the ${count} rows of ${part.name}`,
    )
  const width = bytes.byteLength / rows
  const own = new Uint8Array((end - start) * width)
  for (let row = start; row < end; row++) {
    const at = (row * part.step + part.first) * width
    own.set(bytes.subarray(at, at + width), (row - start) * width)
  }
  return { type, bytes: own }
}

async function biasTensor(
  source: TensorSource,
  part: ExpertPart,
  signal?: AbortSignal,
): Promise<StoredTensor> {
  const { type, shape } = await source.tensor(`${part.stacked}_bias`, signal)
  const [experts = 0, rows = 0] = shape
  checkPart(part, shape, shape.length === 2 && part.expert < experts && rows % part.step === 0)
  return { name: part.name, type, shape: [rows / part.step] }
}

async function readBias(source: TensorSource, part: ExpertPart, signal?: AbortSignal): Promise<ExpertRows> {
  const { shape } = await biasTensor(source, part, signal)
  const stored = await source.readRows(`${part.stacked}_bias`, part.expert, part.expert + 1, signal)
  return { ...stored, rows: (shape[0] ?? 0) * part.step }
}

interface MatrixShape {
  readonly type: 'F32' | 'MXFP4'
  readonly rows: number
  readonly columns: number
}

async function matrixTensor(
  source: TensorSource,
  codes: CodedTensors,
  part: ExpertPart,
  signal?: AbortSignal,
): Promise<MatrixShape> {
  const blocks = await codes.find(`${part.stacked}_blocks`, signal)
  if (blocks === null) {
    const { shape } = await source.tensor(part.stacked, signal)
    const [experts = 0, columns = 0, rows = 0] = shape
    checkPart(part, shape, shape.length === 3 && part.expert < experts && rows % part.step === 0)
    return { type: 'F32', rows, columns }
  }
  const scales = await codes.find(`${part.stacked}_scales`, signal)
  const [experts = 0, rows = 0, groups = 0, bytes] = blocks.shape
  const fits =
    blocks.type === 'U8' &&
    scales?.type === 'U8' &&
    scales.shape.join() === [experts, rows, groups].join() &&
    blocks.shape.length === 4 &&
    bytes === 16 &&
    part.expert < experts &&
    rows % part.step === 0
  checkPart(part, blocks.shape, fits)
  return { type: 'MXFP4', rows, columns: groups * blockTypes.MXFP4.values }
}

function checkPart(part: ExpertPart, shape: readonly number[], fits: boolean): void {
  if (!fits)
    throw new ModelError(
      'bad-model',
      `tensor ${show(part.stacked)} of shape [${shape.join(', ')}] holds no ${show(part.name)}`,
    )
}

async function readMatrix(
  source: TensorSource,
  codes: CodedTensors,
  part: ExpertPart,
  signal?: AbortSignal,
): Promise<ExpertRows> {
  const { type, rows, columns } = await matrixTensor(source, codes, part, signal)
  const { stacked, expert } = part
  if (type === 'F32') {
    const stored = widen(await source.readRows(stacked, expert, expert + 1, signal))
    const values = new Float32Array(stored.length)
    for (let column = 0; column < columns; column++)
      for (let row = 0; row < rows; row++)
        values[row * columns + column] = stored[column * rows + row] as number
    return { type, rows, bytes: new Uint8Array(values.buffer) }
  }
  const [blocks, scales] = await Promise.all([
    codes.readRows(`${stacked}_blocks`, expert, expert + 1, signal),
    codes.readRows(`${stacked}_scales`, expert, expert + 1, signal),
  ])
  return { type, rows, bytes: asBlocks(blocks, scales) }
}

/** The blocks of ggml: the scale, then a byte for each of 16 values with that of the value 16 behind it in its upper half. */
function asBlocks(pairs: Uint8Array, scales: Uint8Array): Uint8Array {
  const { bytes: size } = blockTypes.MXFP4
  const half = size - 1
  const blocks = new Uint8Array(scales.length * size)
  const codeAt = (block: number, index: number): number =>
    ((pairs[block * half + (index >> 1)] as number) >> (4 * (index & 1))) & 15
  for (let block = 0; block < scales.length; block++) {
    blocks[block * size] = scales[block] as number
    for (let index = 0; index < half; index++)
      blocks[block * size + 1 + index] = codeAt(block, index) | (codeAt(block, index + half) << 4)
  }
  return blocks
}

/** Slices of one matrix are asked for one after the other: the last matrix stays in memory, so that it is read once. */
function rememberLast(
  read: (part: ExpertPart, signal?: AbortSignal) => Promise<ExpertRows>,
): (part: ExpertPart, signal?: AbortSignal) => Promise<ExpertRows> {
  let last: { readonly key: string; readonly rows: Promise<ExpertRows> } | null = null
  return (part, signal) => {
    const key = `${part.stacked}/${part.expert}`
    if (last?.key === key) return last.rows
    const rows = read(part, signal)
    last = { key, rows }
    rows.catch(() => {
      if (last?.rows === rows) last = null
    })
    return rows
  }
}
