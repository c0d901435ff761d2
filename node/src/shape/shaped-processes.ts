import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '@shoal/host'
import { writeDialInstead } from './dial-file.ts'
import { freePort } from './free-port.ts'
import type { Shape } from './link-shape.ts'
import { startLinks, type Links } from './links.ts'

/** A shape brought to life for processes of this machine. */
export interface ShapedProcesses {
  readonly links: Links['all']
  /** What `shoal up` has to be told for the node of this index. */
  words(index: number): string[]
  close(): Promise<void>
}

const addressOf = (port: number): string => `/ip4/127.0.0.1/tcp/${port}`

/**
 * Links for processes that do not exist yet. Each will listen on a port that only its links know, and announce the link
 * that outsiders come by; of the other nodes it is told which link is its own to whom. So all that it says and hears
 * passes a link, and the links know whose words they carry.
 * @param folder below which each node has its data directory, by its name
 */
export async function shapeProcesses(random: Random, shape: Shape, folder: string): Promise<ShapedProcesses> {
  const ports: number[] = []
  for (const _ of shape.nodes) ports.push(await freePort(random, new Set(ports)))
  const links = await startLinks(shape, ports, random.uint32())
  return {
    links: links.all,
    words(index) {
      const node = shape.nodes[index]
      const port = ports[index]
      if (node === undefined || port === undefined) throw new Error(`the shape has no node ${index}`)
      // In the node's own data directory: it goes with it.
      const path = join(folder, node.name, 'dial-instead.json')
      mkdirSync(join(folder, node.name), { recursive: true })
      const others = shape.nodes.flatMap((_, other) =>
        other === index ? [] : [[addressOf(links.port(null, other)), addressOf(links.port(index, other))]],
      )
      writeDialInstead(path, Object.fromEntries(others))
      return [
        '--listen',
        addressOf(port),
        '--announce',
        addressOf(links.port(null, index)),
        '--dial-instead',
        path,
        ...(node.slowdown === 1 ? [] : ['--slowdown', String(node.slowdown)]),
      ]
    },
    close: () => links.close(),
  }
}
