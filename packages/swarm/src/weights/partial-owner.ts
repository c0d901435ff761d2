import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { isRunning, startTimeOf } from '@shoal/host/node'
import type { PartialOwner } from '@shoal/model/node'

const short = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)
const machine = short(hostname())

/**
 * This process as the owner of unfinished files: its process id, the time of its start (process ids are reused), and
 * the machine, because on a shared disk another machine's process cannot be asked whether it runs.
 */
export const thisProcess: PartialOwner = {
  name: nameOf(process.pid),
  isGone(name) {
    const [pid = '', started, host] = name.split('-')
    if (host !== machine || !/^\d{1,10}$/.test(pid)) return false
    return !isRunning(Number(pid)) || nameOf(Number(pid)) !== `${pid}-${started}-${host}`
  },
}

function nameOf(pid: number): string {
  const started = startTimeOf(pid)
  return `${pid}-${started === null ? 'unknown' : short(started)}-${machine}`
}
