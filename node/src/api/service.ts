import type { AuditReport, Engine, Progress, SwarmChange, SwarmStatus, WhatIf } from '@shoal/swarm'
import { ApiError } from './errors.ts'
import { apiLimits } from './limits.ts'

/** What the API serves. It exists before the model is loaded, so that callers are told to wait instead of refused. */
export interface Service {
  /** Null while loading. */
  engine(): Engine | null
  status(): SwarmStatus | null
  /** Null where nothing is audited: while loading, and without a swarm. */
  audits(): AuditReport | null
  /** Null while loading, and without a swarm. */
  whatIf(change: SwarmChange): WhatIf | null
  /** Why there is no engine yet. */
  progress(): Progress | null
}

interface ReadyParts {
  readonly engine: Engine
  status(): SwarmStatus | null
  audits?(): AuditReport | null
  whatIf?(change: SwarmChange): WhatIf | null
}

/** A service that a command fills in as it gets further. */
export interface LoadingService extends Service {
  onProgress(progress: Progress): void
  ready(parts: ReadyParts): void
}

export function createLoadingService(): LoadingService {
  let parts: ReadyParts | null = null
  let progress: Progress | null = null
  return {
    engine: () => parts?.engine ?? null,
    status: () => parts?.status() ?? null,
    audits: () => parts?.audits?.() ?? null,
    whatIf: (change) => parts?.whatIf?.(change) ?? null,
    progress: () => progress,
    onProgress: (next) => {
      progress = next
    },
    ready: (next) => {
      parts = next
    },
  }
}

/** @throws {ApiError} 503 `model_loading` with progress */
export function engineOf(service: Service): Engine {
  const engine = service.engine()
  if (engine !== null) return engine
  const progress = service.progress()
  const share =
    progress === null || progress.totalBytes === 0 ? null : progress.doneBytes / progress.totalBytes
  const how =
    progress === null ? '' : `: ${progress.activity}${share === null ? '' : ` ${Math.floor(share * 100)}%`}`
  throw new ApiError(503, `the model is loading${how}; try again in ${apiLimits.retryAfterSeconds} s`, {
    code: 'model_loading',
    headers: { 'retry-after': String(apiLimits.retryAfterSeconds) },
    details: { progress: progress === null ? null : { ...progress, share } },
  })
}
