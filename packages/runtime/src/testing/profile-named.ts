import { parseProfile, type NumericProfile } from '@shoal/model'

/** The profile with the short name that `formatProfile` gives it: `int4:32`, `f32+kv-int8`. */
export function profileNamed(name: string): NumericProfile {
  const [weights = '', kv] = name.split('+kv-')
  return parseProfile(weights, kv)
}
