import { expect } from 'vitest'

export interface Trip {
  readonly city: string
  readonly days: number
}

/** A form of answers and of a tool's arguments: short, because the demo model fills it in by the grammar alone. */
export const tripSchema = {
  type: 'object' as const,
  properties: {
    city: { type: 'string' as const, enum: ['Rome', 'Oslo'] },
    days: { type: 'integer' as const, minimum: 1, maximum: 14 },
  },
  required: ['city', 'days'],
  additionalProperties: false,
}

/** For questions under {@link tripSchema}: at a temperature at which the demo model would write anything. */
export const tripTemperature = 1

export function expectTrip(value: unknown): void {
  const { city, days, ...others } = value as Trip
  expect(['Rome', 'Oslo']).toContain(city)
  expect(days >= 1 && days <= 14 && Number.isInteger(days), String(days)).toBe(true)
  expect(others).toEqual({})
}

export function expectTripText(text: string | null | undefined): void {
  expectTrip(JSON.parse(text ?? ''))
}
