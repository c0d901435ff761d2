import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '@shoal/host'
import { writeDialInstead } from './dial-file.ts'
import { freePort } from './free-port.ts'
import type { Shape } from './link-shape.ts'
import { startLinks, type Links } from './links.ts'

/** The running links of a shape, for processes of this machine. */
export interface ShapedProcesses {
  readonly links: Links['all']
  /** Options of `shoal up` for the node of this index. */
  words(index: number): string[]
  close(): Promise<void>
}

const addressOf = (port: number): string => `/ip4/127.0.0.1/tcp/${port}`

/**
 * Starts links for processes that do not exist yet. Each process will listen on a port that only its links know, and
 * announce the link for outsiders. A `--dial-instead` file tells it its own link to each other node, so that every
 * connection passes the link of its two ends.
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
      // In the node's data directory, so that it is removed with that.
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
