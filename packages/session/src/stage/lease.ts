import type { Clock, Timer } from '@shoal/host'

/** Who owns sessions here, and when they were last heard of. */
export interface Leases {
  /** The owner lives: its lease starts anew, a grace ends. */
  renew(owner: string): void
  /** The owner's connection is gone: it has `graceMs` to come back. Unknown owners are ignored. */
  lost(owner: string): void
  /** The owner has no sessions any more. */
  forget(owner: string): void
  close(): void
}

interface Lease {
  endsMs: number
  timer: Timer
}

/**
 * Time is this machine's own monotonic time since the last sign of life, so no clock of a peer is trusted; and a
 * machine that slept longer than a lease finds its sessions' leases over when it wakes, and frees them.
 */
export function createLeases(
  clock: Clock,
  times: { readonly leaseMs: number; readonly graceMs: number },
  expired: (owner: string) => void,
): Leases {
  const leases = new Map<string, Lease>()

  const watch = (owner: string, endsMs: number): Timer => {
    const onEnd = (): void => {
      const lease = leases.get(owner)
      if (lease === undefined) return
      // A renewal only moves the end of the lease. The timer is set again when it fires, so that a frame costs no
      // timer.
      if (lease.endsMs > clock.nowMs()) {
        lease.timer = watch(owner, lease.endsMs)
        return
      }
      leases.delete(owner)
      expired(owner)
    }
    return clock.after(endsMs - clock.nowMs(), onEnd, { background: true })
  }

  return {
    renew(owner) {
      const endsMs = clock.nowMs() + times.leaseMs
      const lease = leases.get(owner)
      if (lease === undefined) leases.set(owner, { endsMs, timer: watch(owner, endsMs) })
      else lease.endsMs = endsMs
    },
    lost(owner) {
      const lease = leases.get(owner)
      if (lease === undefined) return
      lease.timer.cancel()
      lease.endsMs = Math.min(lease.endsMs, clock.nowMs() + times.graceMs)
      lease.timer = watch(owner, lease.endsMs)
    },
    forget(owner) {
      leases.get(owner)?.timer.cancel()
      leases.delete(owner)
    },
    close() {
      for (const lease of leases.values()) lease.timer.cancel()
      leases.clear()
    },
  }
}
