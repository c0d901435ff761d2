/** A program that keeps objects alive for a while, so that V8 would let the space of young ones grow. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { getHeapSpaceStatistics } from 'node:v8'
import { keepHeapSmall, systemClock } from '../node.ts'

const youngBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0

const timer = process.argv[2] === 'small' ? keepHeapSmall(systemClock) : null
let mostBytes = 0
let kept: object[] = []
for (let turn = 0; turn < 700; turn += 1) {
  for (let index = 0; index < 500; index += 1)
    kept.push({ index, text: `${turn}-${index}`, list: [index, { turn }] })
  if (kept.length > 60_000) kept = kept.slice(30_000)
  mostBytes = Math.max(mostBytes, youngBytes())
  await nextTurn()
}
timer?.cancel()
process.send?.(mostBytes)
process.disconnect?.()
