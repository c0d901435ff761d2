/** What `shoal bench NAME --json` prints. */
export interface BenchReport {
  readonly name: string
  readonly machine: Readonly<Record<string, unknown>>
  readonly model: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly samples: Readonly<Record<string, readonly number[]>>
  readonly median: Readonly<Record<string, number>>
  /** What could not be measured, and why. */
  readonly notes: readonly string[]
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996). */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const low = sorted[Math.floor(place)]!
  const high = sorted[Math.ceil(place)]!
  return low + (high - low) * (place - Math.floor(place))
}

export function medians(samples: Readonly<Record<string, readonly number[]>>): Record<string, number> {
  return Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, round(median(values))]))
}

/** Ratios of two interleaved series, pair by pair: noise of the minute hits both sides of a pair. */
export function ratios(numerators: readonly number[], denominators: readonly number[]): number[] {
  const count = Math.min(numerators.length, denominators.length)
  return Array.from({ length: count }, (_, i) => round(numerators[i]! / denominators[i]!))
}

/** Four significant digits: more would pretend. */
export function round(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : value
}
