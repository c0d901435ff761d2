import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '@shoal/host'
import { limits } from '../limits.ts'
import { placeOf } from './address-book.ts'

/** An address that other peers have named and that has been dialled. */
interface Place {
  failures: number
  /** When it may be dialled again. */
  nextMs: number
}

/**
 * Counts dials to addresses that only other peers' words name. An address at which its peer has authenticated itself is
 * proven, and may be dialled as often as membership likes. Any other address may be somebody's who has nothing to do with
 * the swarm: it is dialled a few times, then ever more rarely, and all such addresses together at a bounded pace. So records
 * cannot make a swarm flood a third party with connections, whatever number of keys and addresses they name.
 */
export class UnprovenDials {
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #places = new Map<string, Place>()
  readonly #proven = new Set<string>()
  #left: number = limits.unprovenDialsAtOnce
  #countedMs: number

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock
    this.#countedMs = clock.nowMs()
  }

  /** Whether an address may be dialled now. A dial that is allowed counts as failed until `proved` says otherwise. */
  take(address: Multiaddr): boolean {
    const key = placeOf(address)
    if (this.#proven.has(key)) return true
    const nowMs = this.#clock.nowMs()
    const place = this.#places.get(key) ?? { failures: 0, nextMs: nowMs }
    if (nowMs < place.nextMs || !this.#takeOfAll(nowMs)) return false
    place.failures += 1
    const repeats = place.failures - limits.unprovenDialsPerAddress
    const pauseMs = repeats < 0 ? 0 : limits.unprovenPauseMsMin * 2 ** Math.min(repeats, 20)
    place.nextMs = nowMs + Math.min(pauseMs, limits.unprovenPauseMsMax)
    remember(this.#places, key, place)
    return true
  }

  /** The peer that is said to be at an address has authenticated itself there. */
  proved(address: Multiaddr): void {
    const key = placeOf(address)
    this.#places.delete(key)
    this.#proven.delete(key)
    this.#proven.add(key)
    if (this.#proven.size > limits.learnedPeers) this.#proven.delete([...this.#proven.keys()][0] ?? '')
  }

  #takeOfAll(nowMs: number): boolean {
    const due = Math.floor((nowMs - this.#countedMs) / limits.unprovenDialEveryMs)
    if (due > 0) {
      this.#left = Math.min(limits.unprovenDialsAtOnce, this.#left + due)
      this.#countedMs += due * limits.unprovenDialEveryMs
    }
    if (this.#left === 0) return false
    this.#left -= 1
    return true
  }
}

/** Puts an entry last; the one that was put longest ago makes room. */
function remember(places: Map<string, Place>, key: string, place: Place): void {
  places.delete(key)
  places.set(key, place)
  const [oldest] = places.keys()
  if (places.size > limits.learnedPeers && oldest !== undefined) places.delete(oldest)
}
