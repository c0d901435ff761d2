/** A phase in which a peer that fails may be exchanged for another one. */
export type Phase =
  /** Learning a swarm's manifest from one of several addresses. */
  | 'joining'
  /** Opening a session along one of several routes. */
  | 'opening'
  /** Running a session whose stages can be replaced. */
  | 'running'

export interface FailureFacts {
  /** Whether the failed operation certainly did not happen, unless the error says otherwise. */
  readonly definite: boolean
  /** Phases in which another peer may do better. In the others every peer would fail alike, or must not be asked. */
  readonly movable: readonly Phase[]
  /**
   * Whose fault the failure is. `peer`: it sent something wrong. `coordinator`: what was asked for, or how, is wrong.
   * `nobody`: circumstances, which may change.
   */
  readonly fault: 'peer' | 'coordinator' | 'nobody'
}

const always: readonly Phase[] = ['joining', 'opening', 'running']

/** Every error code. `docs/protocol.md` lists them with their meaning. */
export const failureCodes = {
  'bad-request': { definite: true, movable: ['joining'], fault: 'coordinator' },
  'bad-model': { definite: true, movable: [], fault: 'coordinator' },
  'unsupported-model': { definite: true, movable: [], fault: 'coordinator' },
  'bad-frame': { definite: true, movable: always, fault: 'peer' },
  // A limit of one peer before a session is open; in an open session, of the protocol.
  'limit-exceeded': { definite: true, movable: ['opening'], fault: 'coordinator' },
  // Another address may lead to a swarm that admits this peer.
  'not-admitted': { definite: true, movable: ['joining'], fault: 'coordinator' },
  'wrong-version': { definite: true, movable: [], fault: 'nobody' },
  // Another address may lead to another swarm; within one swarm all peers have the same manifest.
  'wrong-manifest': { definite: true, movable: ['joining'], fault: 'coordinator' },
  'wrong-profile': { definite: true, movable: ['joining'], fault: 'coordinator' },
  'wrong-range': { definite: true, movable: ['opening'], fault: 'nobody' },
  'wrong-position': { definite: true, movable: [], fault: 'coordinator' },
  'stale-epoch': { definite: true, movable: [], fault: 'nobody' },
  'unknown-session': { definite: true, movable: ['running'], fault: 'nobody' },
  'no-capacity': { definite: true, movable: ['opening'], fault: 'nobody' },
  'no-route': { definite: true, movable: [], fault: 'nobody' },
  'hash-mismatch': { definite: true, movable: [], fault: 'peer' },
  'not-found': { definite: true, movable: [], fault: 'nobody' },
  // The same rows would fail at the next peer too.
  'compute-failed': { definite: true, movable: [], fault: 'nobody' },
  'not-ready': { definite: true, movable: always, fault: 'nobody' },
  'peer-vanished': { definite: false, movable: always, fault: 'nobody' },
  'deadline-passed': { definite: false, movable: always, fault: 'nobody' },
  cancelled: { definite: false, movable: [], fault: 'coordinator' },
  'disk-full': { definite: true, movable: [], fault: 'nobody' },
  'in-use': { definite: true, movable: [], fault: 'nobody' },
  internal: { definite: false, movable: [], fault: 'nobody' },
} as const satisfies Record<string, FailureFacts>

export type ErrorCode = keyof typeof failureCodes

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(failureCodes, text)
}

/** Whether another peer may do better in this phase. */
export function isMovable(code: ErrorCode, phase: Phase): boolean {
  const phases: readonly Phase[] = failureCodes[code].movable
  return phases.includes(phase)
}

/** Whether the peer itself gave no answer, so that nobody knows what it has done: it is gone, or hangs. */
export function isUnanswered(code: ErrorCode): boolean {
  return isMovable(code, 'running') && !failureCodes[code].definite
}
