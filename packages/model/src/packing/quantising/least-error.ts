import { firstNotFinite } from './quantise.ts'
import { kernelValuesMax, roundingKernel } from './wasm/rounding-kernel.ts'

/**
 * As {@link quantiseInt4}, with the scale of each block that makes the sum of squared errors least among those tried
 * (docs/packing.md): blocks of 128 are then about as good as blocks of 32 whose largest weight gives the scale.
 *
 * @param values `rows · columns` float32, row-major
 * @param weight out: `rows · blocks · blockSize/2` bytes
 * @param scale out: `rows · blocks` float32
 * @returns index of the first value found that is not finite, or -1
 */
export function quantiseLeastError(
  values: Float32Array,
  columns: number,
  blockSize: number,
  weight: Uint8Array,
  scale: Float32Array,
): number {
  const kernel = roundingKernel()
  const batch = kernelValuesMax / blockSize
  for (let first = 0; first < scale.length; first += batch) {
    const count = Math.min(batch, scale.length - first)
    placeBlocks(kernel.values, values, columns, blockSize, first, count)
    if (kernel.round(count, blockSize) < count) return firstNotFinite(values)
    weight.set(kernel.codes.subarray(0, (count * blockSize) / 2), (first * blockSize) / 2)
    scale.set(kernel.scales.subarray(0, count), first)
  }
  return -1
}

/** Copies blocks `[first, first + count)`; a row's last block is filled up with zeros, which no scale changes. */
function placeBlocks(
  to: Float32Array,
  values: Float32Array,
  columns: number,
  blockSize: number,
  first: number,
  count: number,
): void {
  if (columns % blockSize === 0) {
    to.set(values.subarray(first * blockSize, (first + count) * blockSize))
    return
  }
  const blocks = Math.ceil(columns / blockSize)
  for (let index = 0; index < count; index++) {
    const column = ((first + index) % blocks) * blockSize
    const start = Math.floor((first + index) / blocks) * columns + column
    const length = Math.min(blockSize, columns - column)
    to.set(values.subarray(start, start + length), index * blockSize)
    to.fill(0, index * blockSize + length, (index + 1) * blockSize)
  }
}
