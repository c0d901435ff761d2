import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { gzipSync } from 'node:zlib'

/** Bytes of a tar record: a header takes one, and content is filled up to whole ones. */
const recordBytes = 512
/** How a file counts for npm: the folder's time of change, the same in all of its tarballs (1985-10-26). */
const changedSeconds = 499_162_500

/**
 * Writes a folder as a tarball that npm installs. `npm pack` would compress the native runtime with the most effort, which
 * takes ten seconds of processor time, and gives other bytes each time. The same folder gives the same tarball here.
 * @param level of gzip: 9 for users, 1 where the tarball is read once
 */
export function writeTarball(folder: string, path: string, level: number): void {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  )
  const parts = names
    .map((name) => [name, name.split(sep).join('/')] as const)
    .sort(([, a], [, b]) => (a < b ? -1 : 1))
    .flatMap(([name, posix]) => entryOf(`package/${posix}`, join(folder, name)))
  writeFileSync(path, gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * recordBytes)]), { level }))
}

function entryOf(name: string, path: string): Buffer[] {
  const content = readFileSync(path)
  const executable = name.startsWith('package/bin/')
  const rest = content.length % recordBytes
  const fill = Buffer.alloc(rest === 0 ? 0 : recordBytes - rest)
  return [headerOf(name, content.length, executable ? 0o755 : 0o644), content, fill]
}

/** A header in the form of POSIX 1988 (ustar). */
function headerOf(name: string, bytes: number, mode: number): Buffer {
  const header = Buffer.alloc(recordBytes)
  const [prefix, base] = splitName(name)
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`
  header.write(base, 0)
  header.write(octal(mode, 8), 100)
  header.write(octal(0, 8), 108)
  header.write(octal(0, 8), 116)
  header.write(octal(bytes, 12), 124)
  header.write(octal(changedSeconds, 12), 136)
  // The sum counts its own place as spaces.
  header.write(' '.repeat(8), 148)
  header.write('0', 156)
  header.write('ustar\x0000', 257)
  header.write(prefix, 345)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** A name of more than 100 bytes is cut at a slash; the part before it may have 155. */
function splitName(name: string): [prefix: string, base: string] {
  if (Buffer.byteLength(name) <= 100) return ['', name]
  for (let cut = name.indexOf('/'); cut !== -1; cut = name.indexOf('/', cut + 1)) {
    const [prefix, base] = [name.slice(0, cut), name.slice(cut + 1)]
    if (Buffer.byteLength(base) <= 100 && Buffer.byteLength(prefix) <= 155) return [prefix, base]
  }
  throw new Error(`the path ${name} is too long for a tarball`)
}
