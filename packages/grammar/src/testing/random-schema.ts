import type { Random } from '@shoal/host'
import type { JsonObject } from '@shoal/model'

type Draw = (count: number) => number

const names = ['a', 'b', 'ab', 'é', 'a"b', 'x y', 'constructor', '0', '😀']
const patterns = [
  '^[a-z]{2,4}$',
  '^(yes|no)+$',
  '^\\d{3}-\\w$',
  'a|^b',
  '^"[^\\\\x]?\\\\$',
  '^.\\s?\\S$',
  '^[^\\n]{0,3}?é*$',
  '^[A-Za-z ,.]{3,60}$',
  '^(\\w{1,12}[ -]){0,4}\\w{2,30}$',
  'x{2,5}',
]
const formats = ['date', 'time', 'date-time', 'uuid', 'ipv4', 'email']
const values: readonly unknown[] = [
  null,
  true,
  0,
  -3,
  1.5,
  '',
  'no',
  '"\\\n',
  'é',
  [1, ['x']],
  { a: { b: null } },
]

/** A schema of the keywords that grammars keep. Some of them accept no value, or are refused for how keywords meet. */
export function randomSchema(random: Random): JsonObject {
  const draw: Draw = (count) => random.uint32() % count
  const $defs = { leaf: schemaOf(draw, 0), tree: treeOf(draw) }
  return { ...schemaOf(draw, 3), $defs }
}

const pick = <Value>(draw: Draw, list: readonly Value[]): Value => list[draw(list.length)] as Value

function treeOf(draw: Draw): object {
  return {
    type: 'object',
    properties: { value: schemaOf(draw, 0), next: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/tree' }] } },
    required: ['next'],
    additionalProperties: false,
  }
}

function schemaOf(draw: Draw, depth: number): object {
  const leaves = [stringOf, numberOf, integerOf, valuesOf, plainOf, stringsOf, listOf]
  const inner = [objectOf, objectOf, arrayOf, unionOf, oneOf, allOf, referenceOf]
  return pick(draw, depth === 0 ? leaves : [...inner, ...leaves.slice(0, 4)])(draw, depth - 1)
}

function stringOf(draw: Draw): object {
  const kind = draw(4)
  if (kind === 0) return { type: 'string', pattern: pick(draw, patterns) }
  if (kind === 1) return { type: 'string', format: pick(draw, formats) }
  const minLength = draw(4)
  return {
    type: 'string',
    minLength,
    ...(kind === 2 && { maxLength: minLength + draw(pick(draw, [3, 40, 2000])) }),
  }
}

/** Lists of bounded strings and numbers, and strings of several kinds in one place. */
function listOf(draw: Draw): object {
  const item = pick(draw, [stringOf, numberOf, integerOf, stringsOf])(draw)
  const minItems = draw(3)
  return { type: 'array', items: item, minItems, maxItems: minItems + draw(5) }
}

const stringsOf = (draw: Draw): object =>
  pick(draw, [
    { anyOf: [stringOf(draw), stringOf(draw)] },
    { anyOf: [stringOf(draw), { enum: ['x', 'yes', 1] }, { type: 'null' }] },
    { ...stringOf(draw), nullable: true },
    { type: ['string', 'integer'], minLength: 1, maxLength: 1 + draw(9), minimum: draw(9) },
  ])

function bounds(draw: Draw, scale: number): object {
  const from = (draw(4000) - 2000) / scale
  return {
    ...(draw(2) === 0 && { [pick(draw, ['minimum', 'exclusiveMinimum'])]: from }),
    ...(draw(2) === 0 && { [pick(draw, ['maximum', 'exclusiveMaximum'])]: from + draw(3000) / scale }),
  }
}

const numberOf = (draw: Draw): object => ({ type: 'number', ...bounds(draw, pick(draw, [1, 8])) })
const integerOf = (draw: Draw): object => ({ type: 'integer', ...bounds(draw, pick(draw, [1, 4])) })
const plainOf = (draw: Draw): object =>
  pick(draw, [
    { type: 'boolean' },
    { type: ['null', 'string'] },
    { type: 'number', nullable: true },
    { type: 'object' },
    { type: 'array', maxItems: 2 },
  ])
const valuesOf = (draw: Draw): object =>
  draw(3) === 0 ? { const: pick(draw, values) } : { enum: [pick(draw, values), pick(draw, ['x', 7]), false] }
const referenceOf = (draw: Draw): object => ({ $ref: pick(draw, ['#/$defs/leaf', '#/$defs/tree']) })
const unionOf = (draw: Draw, depth: number): object => ({ anyOf: [schemaOf(draw, depth), schemaOf(draw, 0)] })

function objectOf(draw: Draw, depth: number): object {
  const chosen = names.filter(() => draw(3) === 0)
  const others = draw(4)
  return {
    type: 'object',
    properties: Object.fromEntries(chosen.map((name) => [name, schemaOf(draw, depth)])),
    required: chosen.filter(() => draw(2) === 0),
    ...(others < 3 && { additionalProperties: others === 0 ? schemaOf(draw, 0) : others === 1 }),
  }
}

function arrayOf(draw: Draw, depth: number): object {
  const minItems = draw(3)
  return {
    type: 'array',
    ...(draw(3) === 0 && { prefixItems: [schemaOf(draw, depth), schemaOf(draw, 0)] }),
    ...(draw(4) !== 0 && { items: draw(4) === 0 ? false : schemaOf(draw, depth) }),
    minItems,
    ...(draw(2) === 0 && { maxItems: minItems + draw(3) }),
  }
}

function oneOf(draw: Draw, depth: number): object {
  const tagged = (tag: string): object => ({
    type: 'object',
    properties: { tag: { const: tag }, value: schemaOf(draw, depth) },
    required: ['tag'],
  })
  return { oneOf: [tagged('x'), tagged('y'), { type: 'integer', minimum: 0 }] }
}

const allOf = (draw: Draw, depth: number): object => ({
  allOf: [objectOf(draw, depth), { type: 'object', properties: { a: stringOf(draw) }, required: ['a'] }],
})
