import {
  assemble,
  call,
  countUp,
  f32,
  f32x4,
  get,
  i32,
  integers,
  laneSum,
  result,
  set,
  v128,
  when,
  type Code,
  type WasmFunction,
} from './assembler.ts'

/** Values of blocks that lie in the kernel's memory at once: 256 KiB, which stay in a core's cache. */
export const kernelValuesMax = 1 << 16

const pageBytes = 1 << 16
const factorsAt = 0
const valuesAt = 1024
const codesAt = valuesAt + 4 * kernelValuesMax
const scalesAt = codesAt + kernelValuesMax / 2
const endOfMemory = scalesAt + (4 * kernelValuesMax) / 16

/**
 * Factors of a block's largest magnitude that are tried as its scale. The extreme is mapped to code -8 or, with the other
 * sign, to 8, which is then clamped to 7.
 */
const grid = [0.6, 0.66, 0.72, 0.77, 0.81, 0.85, 0.89, 0.93, 0.97, 1, 1.04, 1.08]
const factors = Float32Array.from([-8, 8].flatMap((code) => grid.map((share) => share / code)))

/** Codes less 8 of the four values `x` for an inverse scale: `clamp(floor(x · inverse + 0.5), -8, 7)`, as float32. */
function codesOf(x: Code, inverse: Code): Code {
  const nearest = f32x4.floor(f32x4.add(f32x4.multiply(x, inverse), f32x4.const(0.5)))
  return f32x4.maximum(f32x4.minimum(nearest, f32x4.const(7)), f32x4.const(-8))
}

/** (values, end, scale) → the sum of squares of what rounding with this scale changes; NaN for a scale without an inverse. */
function errorFunction(): WasmFunction {
  const [values, end, scale, at, scales, inverses, sum, x, off] = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  return {
    parameters: ['i32', 'i32', 'f32'],
    result: 'f32',
    locals: ['i32', 'v128', 'v128', 'v128', 'v128', 'v128'],
    body: [
      ...set(scales, f32x4.splat(get(scale))),
      ...set(inverses, f32x4.splat(f32.divide(f32.const(1), get(scale)))),
      ...set(sum, f32x4.const(0)),
      ...countUp(at, get(values), get(end), i32.const(16), [
        set(x, v128.load(get(at))),
        set(off, f32x4.subtract(get(x), f32x4.multiply(codesOf(get(x), get(inverses)), get(scales)))),
        set(sum, f32x4.add(get(sum), f32x4.multiply(get(off), get(off)))),
      ]),
      ...laneSum(get(sum)),
    ],
  }
}

/** (values, end, scale) → the scale that is best for the codes that `scale` gives: Σ code · x / Σ code². */
function refitFunction(): WasmFunction {
  const [values, end, scale, at, inverses, products, squares, x, codes] = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  return {
    parameters: ['i32', 'i32', 'f32'],
    result: 'f32',
    locals: ['i32', 'v128', 'v128', 'v128', 'v128', 'v128'],
    body: [
      ...set(inverses, f32x4.splat(f32.divide(f32.const(1), get(scale)))),
      ...set(products, f32x4.const(0)),
      ...set(squares, f32x4.const(0)),
      ...countUp(at, get(values), get(end), i32.const(16), [
        set(x, v128.load(get(at))),
        set(codes, codesOf(get(x), get(inverses))),
        set(products, f32x4.add(get(products), f32x4.multiply(get(codes), get(x)))),
        set(squares, f32x4.add(get(squares), f32x4.multiply(get(codes), get(codes)))),
      ]),
      ...f32.divide(laneSum(get(products)), laneSum(get(squares))),
    ],
  }
}

/** (values, end) → the largest magnitude; NaN where a value is. */
function extremeFunction(): WasmFunction {
  const [values, end, at, most] = [0, 1, 2, 3]
  const lane = (index: number): Code => f32x4.lane(get(most), index)
  return {
    parameters: ['i32', 'i32'],
    result: 'f32',
    locals: ['i32', 'v128'],
    body: [
      ...set(most, f32x4.const(0)),
      ...countUp(at, get(values), get(end), i32.const(16), [
        set(most, f32x4.maximumOrNaN(get(most), f32x4.magnitude(v128.load(get(at))))),
      ]),
      ...f32.maximum(f32.maximum(lane(0), lane(1)), f32.maximum(lane(2), lane(3))),
    ],
  }
}

/** (values, end, scale, codes): packs the codes of 16 values into 8 bytes. Scale 0 makes every code the zero point. */
function writeFunction(): WasmFunction {
  const [values, end, scale, to, at, inverses, pairs] = [0, 1, 2, 3, 4, 5, 6]
  const four = (offset: number): Code =>
    integers.add32(f32x4.toIntegers(codesOf(v128.load(get(at), offset), get(inverses))), integers.splat32(8))
  const bytes = integers.narrowTo8Unsigned(
    integers.narrowTo16(four(0), four(16)),
    integers.narrowTo16(four(32), four(48)),
  )
  return {
    parameters: ['i32', 'i32', 'f32', 'i32'],
    result: null,
    locals: ['i32', 'v128', 'v128'],
    body: [
      ...set(inverses, f32x4.const(0)),
      ...when(
        f32.differs(get(scale), f32.const(0)),
        set(inverses, f32x4.splat(f32.divide(f32.const(1), get(scale)))),
      ),
      ...countUp(at, get(values), get(end), i32.const(64), [
        set(pairs, bytes),
        // Of two codes, the one at the even index is the low nibble.
        set(
          pairs,
          v128.and(v128.or(get(pairs), integers.shiftRight16(get(pairs), 4)), integers.splat16(255)),
        ),
        v128.storeHalf(get(to), integers.narrowTo8Unsigned(get(pairs), get(pairs))),
        set(to, i32.add(get(to), i32.const(8))),
      ]),
    ],
  }
}

/** @param value code without effects */
const notFinite = (value: Code): Code => f32.differs(f32.subtract(value, value), f32.const(0))

/** (blocks, bytes of a block's values) → the index of the first block with a value that is not finite, or `blocks`. */
function blocksFunction(): WasmFunction {
  const [blocks, bytes, block, from, extreme, best, scale, factor, tried, found] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ]
  const end = i32.add(get(from), get(bytes))
  const attempt: Code = [
    ...set(found, call(functionAt.error, get(from), end, get(tried))),
    ...when(f32.less(get(found), get(best)), [...set(best, get(found)), ...set(scale, get(tried))]),
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
        set(tried, call(functionAt.refit, get(from), end, get(scale))),
        attempt,
        f32.store(i32.add(i32.const(scalesAt), i32.multiply(get(block), i32.const(4))), get(scale)),
        // A block's codes take an eighth of the bytes of its values.
        call(
          functionAt.write,
          get(from),
          end,
          get(scale),
          i32.add(i32.const(codesAt), i32.multiply(get(block), i32.shiftRight(get(bytes), i32.const(3)))),
        ),
      ]),
      ...get(blocks),
    ],
  }
}

const functionAt = { error: 0, refit: 1, extreme: 2, write: 3, blocks: 4 } as const

/** Rounds the blocks that lie in its memory. */
export interface LeastErrorKernel {
  /** In: the values of blocks, one after the other. */
  readonly values: Float32Array
  /** Out: two codes a byte. */
  readonly codes: Uint8Array
  readonly scales: Float32Array
  /** @returns the index of the first block with a value that is not finite, or `blocks` */
  round(blocks: number, blockSize: number): number
}

let kernel: LeastErrorKernel | undefined

/** One for the thread, made on first use. */
export function leastErrorKernel(): LeastErrorKernel {
  kernel ??= createKernel()
  return kernel
}

function createKernel(): LeastErrorKernel {
  const bytes = assemble(
    [errorFunction(), refitFunction(), extremeFunction(), writeFunction(), blocksFunction()],
    { round: functionAt.blocks },
    Math.ceil(endOfMemory / pageBytes),
  )
  const { memory, round } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as {
    memory: WebAssembly.Memory
    round: (blocks: number, bytes: number) => number
  }
  new Float32Array(memory.buffer, factorsAt, factors.length).set(factors)
  return {
    values: new Float32Array(memory.buffer, valuesAt, kernelValuesMax),
    codes: new Uint8Array(memory.buffer, codesAt, kernelValuesMax / 2),
    scales: new Float32Array(memory.buffer, scalesAt, kernelValuesMax / 16),
    round: (blocks, blockSize) => round(blocks, 4 * blockSize),
  }
}
