import {
  countUp,
  f32,
  f32x4,
  get,
  i32,
  integers,
  laneSum,
  set,
  v128,
  when,
  type Code,
  type WasmFunction,
} from './assembler.ts'

/** Codes less 8 of the four values `x` for an inverse scale: `clamp(floor(x · inverse + 0.5), -8, 7)`, as float32. */
function codesOf(x: Code, inverse: Code): Code {
  const nearest = f32x4.floor(f32x4.add(f32x4.multiply(x, inverse), f32x4.const(0.5)))
  return f32x4.maximum(f32x4.minimum(nearest, f32x4.const(7)), f32x4.const(-8))
}

/** `squares` of the values at `at`, times what an error there counts: float32 from the address `importance`, or 1 for null. */
function counted(squares: Code, importance: number | null, at: number, values: number): Code {
  if (importance === null) return squares
  const address = i32.add(i32.const(importance), i32.subtract(get(at), get(values)))
  return f32x4.multiply(squares, v128.load(address))
}

/**
 * (values, end, scale) → the sum of squares of what rounding with this scale changes; NaN for a scale without an inverse.
 * @param importance address of what the square at each value counts; null where all count the same
 */
export function errorFunction(importance: number | null): WasmFunction {
  const [values, end, scale, at, scales, inverses, sum, x, off] = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  const squares = counted(f32x4.multiply(get(off), get(off)), importance, at, values)
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
        set(sum, f32x4.add(get(sum), squares)),
      ]),
      ...laneSum(get(sum)),
    ],
  }
}

/**
 * (values, end, scale) → the scale that is best for the codes that `scale` gives: Σ code · x / Σ code².
 * @param importance as for {@link errorFunction}
 */
export function refitFunction(importance: number | null): WasmFunction {
  const [values, end, scale, at, inverses, products, squares, x, codes] = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  const times = (other: number): Code =>
    counted(f32x4.multiply(get(codes), get(other)), importance, at, values)
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
        set(products, f32x4.add(get(products), times(x))),
        set(squares, f32x4.add(get(squares), times(codes))),
      ]),
      ...f32.divide(laneSum(get(products)), laneSum(get(squares))),
    ],
  }
}

/** (values, end) → the largest magnitude; NaN where a value is. */
export function extremeFunction(): WasmFunction {
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
export function writeFunction(): WasmFunction {
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

/**
 * (values, end, scale, factors): replaces each value by its code, after compensating the errors of the values before
 * it. Row `i` of `factors`, as long as the values, says how much of the error at `i` each later value takes over; up to
 * `i` it is zero.
 */
export function spreadFunction(): WasmFunction {
  const [values, end, scale, factors, at, later, inverse, code, off, offs] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
  const factor = i32.add(get(factors), i32.subtract(get(later), get(values)))
  const nearest = f32.floor(f32.add(f32.multiply(f32.load(get(at)), get(inverse)), f32.const(0.5)))
  return {
    parameters: ['i32', 'i32', 'f32', 'i32'],
    result: null,
    locals: ['i32', 'i32', 'f32', 'f32', 'f32', 'v128'],
    body: [
      ...when(f32.differs(get(scale), f32.const(0)), set(inverse, f32.divide(f32.const(1), get(scale)))),
      ...countUp(at, get(values), get(end), i32.const(4), [
        set(code, f32.maximum(f32.minimum(nearest, f32.const(7)), f32.const(-8))),
        set(off, f32.subtract(f32.load(get(at)), f32.multiply(get(code), get(scale)))),
        set(offs, f32x4.splat(get(off))),
        f32.store(get(at), get(code)),
        countUp(later, i32.and(get(at), i32.const(-16)), get(end), i32.const(16), [
          v128.store(
            get(later),
            f32x4.subtract(v128.load(get(later)), f32x4.multiply(get(offs), v128.load(factor))),
          ),
        ]),
        set(factors, i32.add(get(factors), i32.subtract(get(end), get(values)))),
      ]),
    ],
  }
}
