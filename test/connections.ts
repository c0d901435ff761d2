import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Only Linux shows who holds which end of a connection. */
export const canSeeConnections = existsSync('/proc/net/tcp') && existsSync('/proc/self/fd')

/** One end of an established TCP connection of this machine. */
export interface ConnectionEnd {
  readonly localPort: number
  readonly remotePort: number
  /** The kernel's name of the socket. */
  readonly inode: string
}

/** All of them, as proc(5) describes `/proc/net/tcp`; both ends of a connection over loopback are there. */
export function connectionEnds(): ConnectionEnd[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].filter(existsSync).flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/)
        // 01 is ESTABLISHED.
        return state === '01' ? [{ localPort: portOf(local), remotePort: portOf(remote), inode }] : []
      }),
  )
}

const portOf = (address: string): number => Number.parseInt(address.split(':').at(-1) ?? '', 16)

/** Sockets that a process has open. */
export function socketsOf(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`
  return new Set(
    readdirSync(folder).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${fd}`))?.[1] ?? []
      } catch {
        return [] // closed meanwhile
      }
    }),
  )
}

/** The processes at the other ends of a process's connections over loopback; null for an end that nobody of these has. */
export function neighboursOf(pid: number, among: readonly number[]): (number | null)[] {
  const ends = connectionEnds()
  const own = socketsOf(pid)
  const others = among.map((other) => ({ other, sockets: socketsOf(other) }))
  return ends
    .filter(({ inode }) => own.has(inode))
    .map(({ localPort, remotePort }) => {
      const far = ends.find((end) => end.localPort === remotePort && end.remotePort === localPort)
      return others.find(({ sockets }) => far !== undefined && sockets.has(far.inode))?.other ?? null
    })
}
