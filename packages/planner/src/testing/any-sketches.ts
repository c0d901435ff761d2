import * as fc from 'fast-check'
import type { MemberSketch } from './sketches.ts'

/** Members of any speed, size and numeric class, with links that one end, both ends or neither end has measured. */
export function anySketches(countMax: number, fitsMax: number): fc.Arbitrary<MemberSketch[]> {
  const names = Array.from({ length: countMax }, (_, index) => `n${String(index).padStart(2, '0')}`)
  const one = fc.record({
    fits: fc.integer({ min: 0, max: fitsMax }),
    blockMicros: fc.integer({ min: 200, max: 20_000 }),
    numericClass: fc.constantFrom('one', 'two'),
    bytesPerSecond: fc.constantFrom(0, 1_000_000, 10_000_000, 100_000_000),
    rtts: fc.array(fc.integer({ min: 100, max: 40_000 }), { minLength: countMax, maxLength: countMax }),
  })
  return fc.array(one, { minLength: 1, maxLength: countMax }).map((list) =>
    list.map(({ rtts, ...rest }, index) => ({
      name: names[index]!,
      ...rest,
      links: Object.fromEntries(
        names
          .slice(0, list.length)
          .flatMap((name, other) =>
            other === index || (other + index) % 3 === 0 ? [] : [[name, rtts[other]!]],
          ),
      ),
    })),
  )
}
