/**
 * What a stage costs per step beside its blocks: a message to the compute thread and one back, and the session's own work
 * on the rows. In microseconds, traced in quiet minutes (docs/log.md).
 */
export const stageMicros = 500
