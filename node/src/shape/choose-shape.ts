import { statSync } from 'node:fs'
import { ShoalError } from '@shoal/host'
import { formatBytes } from '@shoal/host/node'
import { readUserFile } from '../cli/user-file.ts'
import type { Shape } from './link-shape.ts'
import { createShape, parseShape, shapedNodesMax, shapeFileBytesMax } from './shape-file.ts'
import { topologies, topologyNodes } from './topologies.ts'

/**
 * Resolves `--shape`: a file, or one of the named topologies for `nodes` nodes.
 * @param nodes null when `--processes` is absent
 * @throws {ShoalError} `bad-request` for an invalid file or one with another number of nodes, `not-found` for no file
 */
export function chooseShape(ref: string, nodes: number | null): Shape {
  const topology = topologies[ref]
  if (topology !== undefined) {
    const count = nodes ?? topologyNodes
    if (count > shapedNodesMax)
      throw new ShoalError(
        'bad-request',
        `at most ${shapedNodesMax} nodes can have shaped links, not ${count}`,
      )
    return createShape(ref, topology.file(count))
  }
  const shape = parseShape(readShape(ref), ref)
  if (nodes !== null && nodes !== shape.nodes.length)
    throw new ShoalError(
      'bad-request',
      `${ref} has ${shape.nodes.length} nodes, but --processes asks for ${nodes}: leave --processes out`,
    )
  return shape
}

function readShape(path: string): string {
  try {
    if (statSync(path).size > shapeFileBytesMax)
      throw new ShoalError('limit-exceeded', `${path} is larger than ${formatBytes(shapeFileBytesMax)}`)
    return readUserFile(path)
  } catch (error) {
    if (error instanceof ShoalError) throw error
    throw new ShoalError(
      'not-found',
      `${path} is neither a readable shape file nor one of the named shapes ${Object.keys(topologies).join(', ')}`,
      { cause: error },
    )
  }
}
