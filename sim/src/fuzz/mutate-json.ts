import type { Random } from '@shoal/host'
import { below } from './mutate-bytes.ts'

/** Values that readers of JSON stumble over. */
const strange: readonly unknown[] = [
  null,
  true,
  '',
  'offer',
  'leave',
  '\u0000\u001b[2J',
  'a'.repeat(5000),
  0,
  -1,
  0.5,
  1e300,
  2 ** 53,
  [],
  [0, 1],
  [3, 0],
  {},
  { $floats: -1 },
  { $floats: 4 },
  { $floats: 2 ** 31 },
  { a: { b: { c: { d: { e: { f: { g: {} } } } } } } },
]

/** JSON with a strange value in the place of one of its own. What is no JSON stays as it is. */
export function mutateJson(bytes: Uint8Array, random: Random): Uint8Array {
  const text = new TextDecoder().decode(bytes)
  try {
    let values = 0
    JSON.parse(text, (_key, value: unknown) => ((values += 1), value))
    const chosen = below(random, values)
    const instead = strange[below(random, strange.length)]
    let at = 0
    const changed: unknown = JSON.parse(text, (_key, value: unknown) => (at++ === chosen ? instead : value))
    return new TextEncoder().encode(JSON.stringify(changed))
  } catch {
    return bytes
  }
}
