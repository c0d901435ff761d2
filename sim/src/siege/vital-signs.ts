import { readFileSync } from 'node:fs'

/** What Linux tells of a process in `/proc`; other systems have no such files. */
export interface VitalSigns {
  readonly residentMiB: number
  /** Processor time of all its threads since its start. */
  readonly cpuSeconds: number
  /** Bytes that it has handed to the operating system, for sockets and files. */
  readonly writtenBytes: number
}

const ticksPerSecond = 100

/** @returns null when there is no such process any more */
export function vitalSigns(pid: number): VitalSigns | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const io = readFileSync(`/proc/${pid}/io`, 'utf8')
    // Behind the name, which is in parentheses and may hold spaces, begins field 3; 14 and 15 are times in ticks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return {
      residentMiB: number(/VmRSS:\s+(\d+)/, status) / 1024,
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
      writtenBytes: number(/wchar: (\d+)/, io),
    }
  } catch {
    return null
  }
}

const number = (pattern: RegExp, text: string): number => Number(pattern.exec(text)?.[1] ?? 0)
