import { ShoalError } from '@shoal/host'
import type { BlockRange } from '@shoal/model'

/** Says which blocks are missing; when each has a holder, the holders do not form a chain without those left out. */
export function noRoute(
  model: string,
  uncovered: readonly BlockRange[],
  tokenBudget: number,
  exclude: ReadonlySet<string>,
): ShoalError {
  const without = exclude.size === 0 ? '' : `, ${[...exclude].join(' and ')} left out`
  if (uncovered.length === 0)
    return new ShoalError(
      'no-route',
      `the live peers of ${model} form no route with room for ${tokenBudget} tokens${without}`,
    )
  const one = uncovered.length === 1 && uncovered[0]!.end - uncovered[0]!.start === 1
  const blocks = uncovered
    .map(({ start, end }) => (end - start === 1 ? `${start}` : `${start} to ${end - 1}`))
    .join(', ')
  return new ShoalError(
    'no-route',
    `nobody live serves block${one ? '' : 's'} ${blocks} of ${model} with room for ${tokenBudget} tokens${without}`,
  )
}
