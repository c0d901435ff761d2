import { ShoalError } from '../errors.ts'

/**
 * `MB` is decimal and `MiB` binary (IEC 80000-13). A bare letter is binary, as in `docker run --memory 4g` and
 * `-Xmx4g`.
 */
const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  kb: 1e3,
  kib: 2 ** 10,
  m: 2 ** 20,
  mb: 1e6,
  mib: 2 ** 20,
  g: 2 ** 30,
  gb: 1e9,
  gib: 2 ** 30,
  t: 2 ** 40,
  tb: 1e12,
  tib: 2 ** 40,
}

/**
 * Parses a size such as `4GiB`, `512MB`, `1.5g` or `1048576` into whole bytes.
 * @throws {ShoalError} `bad-request` for anything else, and for sizes below 1 byte or above 2^53
 */
export function parseByteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]{0,3})$/i.exec(text.trim())
  const unit = match === null ? undefined : unitBytes[(match[2] ?? '').toLowerCase()]
  const bytes = match === null || unit === undefined ? Number.NaN : Math.floor(Number(match[1]) * unit)
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new ShoalError('bad-request', `'${text}' is not a size; write for example 4GiB, 512MB or 1.5g`)
  }
  return bytes
}

/** Formats bytes for people, with three digits and a binary unit: `1.50 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  // 1023.5 would print as `1024 KiB`.
  while (Math.abs(value) >= 1023.5 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  if (unit === 0) return `${Math.round(value)} B`
  const magnitude = Math.abs(value)
  const digits = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit]}`
}
