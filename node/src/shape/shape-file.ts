import { z } from 'zod'
import { fileIssue } from '../cli/file-issue.ts'
import { ShoalError } from '@shoal/host'
import { parseByteSize } from '@shoal/host/node'
import { groupsTrouble } from './group-shape.ts'
import { outsider, type LinkShape, type NodeShape, type Shape } from './link-shape.ts'

/** Largest shape file in bytes: a hundred times what 32 nodes with all their links need. */
export const shapeFileBytesMax = 1024 * 1024

/** Each ordered pair of nodes has a listener: 32 nodes need a thousand. */
export const shapedNodesMax = 32

const name = z
  .string()
  .regex(/^[\w.-]{1,32}$/, 'a name has 1 to 32 letters, digits, dots, dashes or underscores')
const mbps = z.number().positive().max(1_000_000)

const linkFields = {
  rttMs: z.number().min(0).max(10_000).optional(),
  mbps: mbps.optional(),
  lossPercent: z.number().min(0).max(50, 'beyond half of all packets nothing gets through').optional(),
}

const node = z.strictObject({
  name,
  /** Links that name a site apply to all its nodes. */
  site: name.optional(),
  memory: z
    .union([z.string(), z.number().positive()])
    .transform((value) => parseByteSize(String(value)))
    .optional(),
  threads: z.number().int().min(1).max(1024).optional(),
  slowdown: z.number().min(1).max(100).optional(),
  upMbps: mbps.optional(),
  downMbps: mbps.optional(),
  blocks: z
    .string()
    .regex(/^\d{1,4}:\d{1,4}$/, 'blocks are START:END, such as 0:8')
    .transform((text) => text.split(':').map(Number) as [number, number])
    .refine(([start, end]) => start < end, 'blocks are START:END with START < END')
    .optional(),
  rankOf: name.optional(),
  speed: z.number().positive().max(1_000_000).optional(),
})

const shapeFile = z.strictObject({
  nodes: z.array(node).min(1).max(shapedNodesMax),
  /** Links between two names: nodes, sites, one site and itself, or `outside`. */
  links: z.array(z.strictObject({ between: z.tuple([name, name]), ...linkFields })).default([]),
  /** Properties of all other links, and of fields that a link leaves out. */
  default: z.strictObject(linkFields).default({}),
})

/** A shape file's content, validated. */
export type ShapeFile = z.infer<typeof shapeFile>

/**
 * Reads `--shape FILE`:
 *
 *     { "nodes": [{ "name": "desk", "memory": "64MiB", "threads": 1, "slowdown": 4, "site": "home", "upMbps": 10, "downMbps": 50 }],
 *       "links": [{ "between": ["home", "office"], "rttMs": 20, "mbps": 100, "lossPercent": 0.1 }],
 *       "default": { "rttMs": 1 } }
 *
 * Only `name` is required. A node with `"rankOf": "desk"` computes a share of each block of that node (`shoal rank`), in
 * proportion to its `speed`; `"blocks": "0:8"` fixes the span of a node. Of several links that fit a pair, the one that
 * names more nodes applies.
 * @throws {ShoalError} `bad-request` naming the field
 */
export function parseShape(text: string, title: string): Shape {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new ShoalError('bad-request', `the shape file ${title} is not JSON`, { cause: error })
  }
  const result = shapeFile.safeParse(json)
  if (result.success) return createShape(title, result.data)
  throw new ShoalError('bad-request', `the shape file ${title}: ${fileIssue(result.error.issues, json)}`)
}

/** @throws {ShoalError} `bad-request` for duplicate and unknown names */
export function createShape(title: string, file: ShapeFile): Shape {
  const names = file.nodes.map((node) => node.name)
  const sites = new Set(file.nodes.flatMap(({ site }) => (site === undefined ? [] : [site])))
  const refuse = (why: string): ShoalError => new ShoalError('bad-request', `the shape ${title}: ${why}`)
  for (const [index, one] of names.entries()) {
    if (names.indexOf(one) !== index) throw refuse(`two nodes are called '${one}'`)
    if (sites.has(one) || one === outsider)
      throw refuse(`'${one}' is a node and a ${one === outsider ? 'word for everybody else' : 'site'}`)
  }
  for (const { between } of file.links) {
    const stranger = between.find((one) => one !== outsider && !sites.has(one) && !names.includes(one))
    if (stranger !== undefined)
      throw refuse(`a link names '${stranger}', which is neither a node, a site nor '${outsider}'`)
    if (between[0] === between[1] && !sites.has(between[0]))
      throw refuse(`a link connects the node '${between[0]}' to itself`)
  }
  const trouble = groupsTrouble(file.nodes)
  if (trouble !== null) throw refuse(trouble)
  const siteOf = new Map(file.nodes.map((node) => [node.name, node.site]))
  /** How well a name in a file fits a node: 2 by its own name, 1 by its site's. */
  const fit = (written: string, node: string): number =>
    written === node ? 2 : written === siteOf.get(node) ? 1 : 0
  const score = ([x, y]: readonly [string, string], a: string, b: string): number => {
    const ways = [fit(x, a) * fit(y, b), fit(x, b) * fit(y, a)]
    return Math.max(...ways)
  }
  return {
    name: title,
    nodes: file.nodes.map(
      ({ name: called, memory, threads, slowdown, upMbps, downMbps, blocks, rankOf, speed }): NodeShape => ({
        name: called,
        memoryBytes: memory ?? null,
        threads: threads ?? null,
        slowdown: slowdown ?? 1,
        upMbps: upMbps ?? null,
        downMbps: downMbps ?? null,
        blocks: blocks ?? null,
        rankOf: rankOf ?? null,
        speed: speed ?? null,
      }),
    ),
    link(a, b) {
      const fitting = file.links.filter(({ between }) => score(between, a, b) > 0)
      // Of links that fit equally well, the last applies.
      const best = fitting.reduce<(typeof fitting)[number] | undefined>(
        (found, link) =>
          found === undefined || score(link.between, a, b) >= score(found.between, a, b) ? link : found,
        undefined,
      )
      return linkOf({ ...file.default, ...defined(best ?? {}) })
    },
  }
}

function linkOf({
  rttMs,
  mbps: rate,
  lossPercent,
}: Partial<Record<keyof LinkShape, number | undefined>>): LinkShape {
  return { rttMs: rttMs ?? 0, mbps: rate ?? null, lossPercent: lossPercent ?? 0 }
}

function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<T>
}
