import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Only Linux shows which process holds which end of a connection. */
export const canSeeConnections = existsSync('/proc/net/tcp') && existsSync('/proc/self/fd')

/** One end of an established TCP connection of this machine. */
export interface ConnectionEnd {
  readonly localPort: number
  readonly remotePort: number
  /** Inode number of the socket. */
  readonly inode: string
}

/** All ends of connections, from `/proc/net/tcp` (see proc(5)), which lists both ends of a loopback connection. */
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

/** Inodes of a process's open sockets. */
export function socketsOf(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`
  return new Set(
    readdirSync(folder).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${fd}`))?.[1] ?? []
      } catch {
        return [] // The descriptor was closed meanwhile.
      }
    }),
  )
}

/** Processes at the other ends of a process's loopback connections; null for an end that none of `among` has. */
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
