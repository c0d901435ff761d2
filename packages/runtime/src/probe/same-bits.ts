/** Whether all 32-bit words agree: two NaNs with equal bits do, 0 and -0 do not. */
export function sameBits(a: Float32Array, b: Float32Array): boolean {
  if (a.length !== b.length) return false
  const left = new Uint32Array(a.buffer, a.byteOffset, a.length)
  const right = new Uint32Array(b.buffer, b.byteOffset, b.length)
  return left.every((word, index) => word === right[index])
}
