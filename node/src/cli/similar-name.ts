/** Says which names there are, and which of them was probably meant. */
export function unknownName(given: string, names: readonly string[]): string {
  const [nearest] = names
    .map((name) => ({ name, changes: changesBetween(given.toLowerCase(), name) }))
    .sort((a, b) => a.changes - b.changes)
  const meant = nearest !== undefined && nearest.changes <= 2 ? `Did you mean ${nearest.name}? ` : ''
  return `${meant}Allowed choices are ${names.join(', ')}`
}

/** The least number of letters to insert, remove, replace or swap with the next (Damerau and Levenshtein). */
function changesBetween(some: string, other: string): number {
  const rows = [Array.from({ length: other.length + 1 }, (_, at) => at)]
  for (let a = 1; a <= some.length; a += 1) {
    const row = [a]
    for (let b = 1; b <= other.length; b += 1) {
      const same = some[a - 1] === other[b - 1] ? 0 : 1
      const swapped = a > 1 && b > 1 && some[a - 1] === other[b - 2] && some[a - 2] === other[b - 1]
      row[b] = Math.min(
        (rows[a - 1]?.[b] ?? 0) + 1,
        (row[b - 1] ?? 0) + 1,
        (rows[a - 1]?.[b - 1] ?? 0) + same,
        swapped ? (rows[a - 2]?.[b - 2] ?? 0) + 1 : Infinity,
      )
    }
    rows.push(row)
  }
  return rows[some.length]?.[other.length] ?? 0
}
