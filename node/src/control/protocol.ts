import { join } from 'node:path'

/** Where the running node of a data directory can be asked: readable by its owner only. */
export const controlPathOf = (dataFolder: string): string => join(dataFolder, 'control.json')

export interface ControlAddress {
  readonly port: number
  readonly token: string
}

export function isControlAddress(value: unknown): value is ControlAddress {
  return (
    typeof value === 'object' &&
    value !== null &&
    'port' in value &&
    typeof value.port === 'number' &&
    'token' in value &&
    typeof value.token === 'string'
  )
}

export const controlLimits = {
  /** A request names one act and a few words. */
  maxBodyBytes: 16 * 1024,
  /** Commands of one user on one machine. */
  connections: 8,
  /** An act writes a file or two; pairing by PIN, which waits for people, streams its answer. */
  timeoutMs: 10_000,
} as const
