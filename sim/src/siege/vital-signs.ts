import { readFileSync } from 'node:fs'

/** What Linux tells of a process in `/proc`; other systems have no such files. */
export interface VitalSigns {
  readonly residentMiB: number
  /** Processor time of all its threads since its start. */
  readonly cpuSeconds: number
  /** That of its first thread, which runs the event loop. */
  readonly loopSeconds: number
  /** Bytes that it has handed to the operating system, for sockets and files. */
  readonly writtenBytes: number
}

const ticksPerSecond = 100

/** @returns null when there is no such process any more */
export function vitalSigns(pid: number): VitalSigns | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const io = readFileSync(`/proc/${pid}/io`, 'utf8')
    return {
      residentMiB: number(/VmRSS:\s+(\d+)/, status) / 1024,
      cpuSeconds: cpuSecondsOf(`/proc/${pid}/stat`),
      loopSeconds: cpuSecondsOf(`/proc/${pid}/task/${pid}/stat`),
      writtenBytes: number(/wchar: (\d+)/, io),
    }
  } catch {
    return null
  }
}

/** User and system time. @param file what Linux tells of a process or thread */
function cpuSecondsOf(file: string): number {
  const stat = readFileSync(file, 'utf8')
  // Behind the name, which is in parentheses and may hold spaces, begins field 3; 14 and 15 are times in ticks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

const number = (pattern: RegExp, text: string): number => Number(pattern.exec(text)?.[1] ?? 0)
