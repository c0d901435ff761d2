import {
  assemble,
  call,
  countUp,
  f32,
  get,
  i32,
  result,
  set,
  when,
  type Code,
  type WasmFunction,
} from './assembler.ts'
import {
  errorFunction,
  extremeFunction,
  refitFunction,
  spreadFunction,
  writeFunction,
} from './rounding-functions.ts'

/** Values of blocks that lie in the kernel's memory at once: 256 KiB, which stay in a core's cache. */
export const kernelValuesMax = 1 << 16

const pageBytes = 1 << 16
const factorsAt = 0
const valuesAt = 1024
const codesAt = valuesAt + 4 * kernelValuesMax
const scalesAt = codesAt + kernelValuesMax / 2
const feedbackAt = scalesAt + (4 * kernelValuesMax) / 16
/** Factors of one group of at most 128 columns. */
const feedbackValues = 128 * 128
const importanceAt = feedbackAt + 4 * feedbackValues
const importanceValues = 128
const endOfMemory = importanceAt + 4 * importanceValues

/**
 * Factors of a block's largest magnitude that are tried as its scale. The extreme is mapped to code -8 or, with the other
 * sign, to 8, which is then clamped to 7.
 */
const grid = [0.6, 0.66, 0.72, 0.77, 0.81, 0.85, 0.89, 0.93, 0.97, 1, 1.04, 1.08]
const factors = Float32Array.from([-8, 8].flatMap((code) => grid.map((share) => share / code)))

/** @param value code without effects */
const notFinite = (value: Code): Code => f32.differs(f32.subtract(value, value), f32.const(0))

/**
 * (blocks, bytes of a block's values) → the index of the first block with a value that is not finite, or `blocks`.
 * @param spread whether the factors in memory spread errors within each block, whose scale then is that of the least error
 * by the importance of the columns
 */
function blocksFunction(spread: boolean): WasmFunction {
  const [blocks, bytes, block, from, extreme, best, scale, factor, tried, found] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ]
  const end = i32.add(get(from), get(bytes))
  // A block's codes take an eighth of the bytes of its values.
  const codes = i32.add(
    i32.const(codesAt),
    i32.multiply(get(block), i32.shiftRight(get(bytes), i32.const(3))),
  )
  const errorOf = spread ? functionAt.weightedError : functionAt.error
  const refit = spread ? functionAt.weightedRefit : functionAt.refit
  const attempt: Code = [
    ...set(found, call(errorOf, get(from), end, get(tried))),
    ...when(f32.less(get(found), get(best)), [...set(best, get(found)), ...set(scale, get(tried))]),
  ]
  const spreading = [
    call(functionAt.spread, get(from), end, get(scale), i32.const(feedbackAt)),
    // The values are codes now.
    set(scale, f32.const(1)),
  ]
  return {
    parameters: ['i32', 'i32'],
    result: 'i32',
    locals: ['i32', 'i32', 'f32', 'f32', 'f32', 'i32', 'f32', 'f32'],
    body: [
      ...countUp(block, i32.const(0), get(blocks), i32.const(1), [
        set(from, i32.add(i32.const(valuesAt), i32.multiply(get(block), get(bytes)))),
        set(extreme, call(functionAt.extreme, get(from), end)),
        when(notFinite(get(extreme)), result(get(block))),
        set(best, f32.const(Number.POSITIVE_INFINITY)),
        // For values so large that the squares of all errors are infinite.
        set(scale, f32.multiply(get(extreme), f32.const(-0.125))),
        when(notFinite(f32.divide(f32.const(1), get(scale))), set(scale, f32.const(0))),
        countUp(factor, i32.const(factorsAt), i32.const(factorsAt + factors.byteLength), i32.const(4), [
          set(tried, f32.multiply(get(extreme), f32.load(get(factor)))),
          attempt,
        ]),
        set(tried, call(refit, get(from), end, get(scale))),
        attempt,
        f32.store(i32.add(i32.const(scalesAt), i32.multiply(get(block), i32.const(4))), get(scale)),
        ...(spread ? spreading : []),
        call(functionAt.write, get(from), end, get(scale), codes),
      ]),
      ...get(blocks),
    ],
  }
}

const functionAt = {
  error: 0,
  refit: 1,
  weightedError: 2,
  weightedRefit: 3,
  extreme: 4,
  write: 5,
  spread: 6,
  blocks: 7,
  spreadBlocks: 8,
} as const

/** Rounds the blocks that lie in its memory. */
export interface RoundingKernel {
  /** In: the values of blocks, one after the other. */
  readonly values: Float32Array
  /** Out: two codes a byte. */
  readonly codes: Uint8Array
  readonly scales: Float32Array
  /** In: `blockSize` rows of factors that spread errors within a block (`spreadFunction`), where they are used. */
  readonly feedback: Float32Array
  /** In: what the square of an error at each column of a block counts, where `feedback` is used. */
  readonly importance: Float32Array
  /**
   * @param spread whether `feedback` and `importance` are used
   * @returns the index of the first block with a value that is not finite, or `blocks`
   */
  round(blocks: number, blockSize: number, spread?: boolean): number
}

let kernel: RoundingKernel | undefined

/** One for the thread, made on first use. */
export function roundingKernel(): RoundingKernel {
  kernel ??= createKernel()
  return kernel
}

function createKernel(): RoundingKernel {
  const bytes = assemble(
    [
      errorFunction(null),
      refitFunction(null),
      errorFunction(importanceAt),
      refitFunction(importanceAt),
      extremeFunction(),
      writeFunction(),
      spreadFunction(),
      blocksFunction(false),
      blocksFunction(true),
    ],
    { round: functionAt.blocks, roundSpread: functionAt.spreadBlocks },
    Math.ceil(endOfMemory / pageBytes),
  )
  const { memory, round, roundSpread } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as {
    memory: WebAssembly.Memory
    round: (blocks: number, bytes: number) => number
    roundSpread: (blocks: number, bytes: number) => number
  }
  new Float32Array(memory.buffer, factorsAt, factors.length).set(factors)
  return {
    values: new Float32Array(memory.buffer, valuesAt, kernelValuesMax),
    codes: new Uint8Array(memory.buffer, codesAt, kernelValuesMax / 2),
    scales: new Float32Array(memory.buffer, scalesAt, kernelValuesMax / 16),
    feedback: new Float32Array(memory.buffer, feedbackAt, feedbackValues),
    importance: new Float32Array(memory.buffer, importanceAt, importanceValues),
    round: (blocks, blockSize, spread = false) => (spread ? roundSpread : round)(blocks, 4 * blockSize),
  }
}
