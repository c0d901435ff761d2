const oneFloat = new Float32Array(1)
const itsBits = new Uint32Array(oneFloat.buffer)

/** Little-endian; rounds half up, which differs from IEEE 754 in ties only. Values must be below 65,504. */
export function writeFloat16(bytes: Uint8Array, at: number, value: number): void {
  oneFloat[0] = value
  const [word] = itsBits as unknown as [number]
  const sign = (word >>> 16) & 0x8000
  const exponent = ((word >>> 23) & 0xff) - 112
  const half =
    exponent > 0
      ? // A carry out of the mantissa raises the exponent, as it should.
        ((exponent << 10) | ((word >>> 13) & 0x3ff)) + ((word >>> 12) & 1)
      : // Subnormal: multiples of 2^-24.
        Math.round(Math.abs(value) * 2 ** 24)
  bytes[at] = half & 0xff
  bytes[at + 1] = (sign | half) >>> 8
}
