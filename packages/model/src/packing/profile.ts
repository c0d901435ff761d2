import { ModelError } from '../error.ts'
import { formatName, parseFormat, type MatrixFormat } from './matrix-format.ts'

/** Kinds of matrices that have a format of their own: those of attention, of the feed-forward network, and embedding and head. */
export const matrixKinds = ['attention', 'feedForward', 'head'] as const
export type MatrixKind = (typeof matrixKinds)[number]

/**
 * How weights become codes of 4 bits (docs/packing.md): `nearest`, with the scale at which the largest weight of a
 * block has the lowest code; `least-error`, with the scale at which the squares of the errors have the least sum;
 * `calibrated`, where the error of each weight is compensated by the weights behind it, according to the inputs that
 * the model's own text gives.
 */
export const roundings = ['nearest', 'least-error', 'calibrated'] as const
export type Rounding = (typeof roundings)[number]

/** How the KV cache keeps keys and values: in float32, or in int8 with a scale for each head of a position. */
export const keyValueFormats = ['f32', 'int8'] as const
export type KeyValueFormat = (typeof keyValueFormats)[number]

/**
 * The numeric formats of a swarm. The profile is part of the manifest, and so the same on every peer.
 *
 * `graphForm` names the form of the generated graphs. `canonical-1` means rules R1 to R5 of docs/numerics.md with three zero
 * rows in attention; another form would be another profile.
 */
export interface NumericProfile {
  readonly formats: Readonly<Record<MatrixKind, MatrixFormat>>
  /** Rounding of the matrices in int4; `nearest` where there are none. */
  readonly rounding: Rounding
  readonly kv: KeyValueFormat
  readonly graphForm: 'canonical-1'
}

/** Profile of a model whose weights are floats, the demo model excepted. */
export const usualWeights = 'int4:128'

const kindNames: Readonly<Record<MatrixKind, string>> = {
  attention: 'attention',
  feedForward: 'feed-forward',
  head: 'head',
}

/**
 * Parses `--weights` and `--kv`. `--weights` is the format of all matrices, `f32`, `int8[:BLOCK]` or `int4[:BLOCK]`, and behind
 * it, each after a plus sign, what is to be different: a format for a kind of matrices (`head-int8:128`,
 * `feed-forward-int4:32`) and a rounding. `int4:128` has an `int8:128` head and `least-error` unless it says otherwise,
 * because blocks of that length need both to be as good as `int4:32`.
 *
 * @throws {ModelError} `bad-request` with the words that are possible
 */
export function parseProfile(weights: string, kv = 'f32'): NumericProfile {
  const keyValues = keyValueFormats.find((one) => one === kv)
  if (keyValues === undefined)
    throw new ModelError('bad-request', `--kv must be ${keyValueFormats.join(' or ')}, not '${kv}'`)
  const [base = '', ...words] = weights.split('+')
  const all = parseFormat(base)
  const formats = usualFormats(all)
  let rounding: Rounding | null = null
  const named = new Set<string>()
  for (const word of words) {
    const kind = matrixKinds.find((one) => word.startsWith(`${kindNames[one]}-`))
    const subject = kind ?? 'rounding'
    if (named.has(subject))
      throw new ModelError('bad-request', `--weights '${weights}' names the ${subject} format twice`)
    named.add(subject)
    if (kind === undefined) rounding = parseRounding(word, weights)
    else formats[kind] = parseFormat(word.slice(kindNames[kind].length + 1))
  }
  const rounds = matrixKinds.some((kind) => formats[kind].weights === 'int4')
  if (rounding !== null && !rounds)
    throw new ModelError(
      'bad-request',
      `--weights '${weights}' has no matrix in int4, which ${rounding} is about`,
    )
  if (rounding === 'calibrated') refuseOtherBlocks(formats, weights)
  return {
    formats,
    rounding: rounding ?? (rounds ? usualRounding(all) : 'nearest'),
    kv: keyValues,
    graphForm: 'canonical-1',
  }
}

/**
 * Refuses formats that cannot be calibrated: errors are compensated within blocks of 128 columns, and inputs of the
 * head are not collected.
 */
function refuseOtherBlocks(formats: Record<MatrixKind, MatrixFormat>, weights: string): void {
  const { head, ...others } = formats
  const fits = Object.values(others).every((one) => one.weights !== 'int4' || formatName(one) === 'int4:128')
  if (fits && head.weights !== 'int4') return
  throw new ModelError(
    'bad-request',
    `--weights '${weights}': calibrated weights are in blocks of 128, and the head is not in int4; use int4:128+calibrated`,
  )
}

/** The formats of all kinds of matrices when only one format is named. */
function usualFormats(all: MatrixFormat): Record<MatrixKind, MatrixFormat> {
  return { attention: all, feedForward: all, head: isUsual(all) ? parseFormat('int8:128') : all }
}

const usualRounding = (all: MatrixFormat): Rounding => (isUsual(all) ? 'least-error' : 'nearest')

const isUsual = (all: MatrixFormat): boolean => formatName(all) === usualWeights

function parseRounding(word: string, weights: string): Rounding {
  const rounding = roundings.find((one) => one === word)
  if (rounding !== undefined) return rounding
  throw new ModelError(
    'bad-request',
    `--weights '${weights}': '${word}' is none of ${[...roundings, ...matrixKinds.map((kind) => `${kindNames[kind]}-FORMAT`)].join(', ')}`,
  )
}

/** The `--weights` of a profile, in its shortest form: `f32`, `int4:128`, `int4:32+head-int8:128`. */
export function formatWeights({ formats, rounding }: NumericProfile): string {
  const usual = usualFormats(formats.attention)
  const words = matrixKinds
    .filter((kind) => formatName(formats[kind]) !== formatName(usual[kind]))
    .map((kind) => `${kindNames[kind]}-${formatName(formats[kind])}`)
  const rounds = matrixKinds.some((kind) => formats[kind].weights === 'int4')
  if (rounds && rounding !== usualRounding(formats.attention)) words.push(rounding)
  return [formatName(formats.attention), ...words].join('+')
}

/** The short name of a profile: its `--weights`, and its `--kv` where that is not f32 (`int8:32+kv-int8`). */
export function formatProfile(profile: NumericProfile): string {
  return profile.kv === 'f32' ? formatWeights(profile) : `${formatWeights(profile)}+kv-${profile.kv}`
}

/** The format of a packed matrix. @param name of the tensor, with or without `.weight` or `.scale` */
export function formatOf({ formats }: NumericProfile, name: string): MatrixFormat {
  return formats[kindOf(name)]
}

function kindOf(name: string): MatrixKind {
  const [unit, part = ''] = name.split('.')
  if (unit === 'embed' || unit === 'head') return 'head'
  return part === 'qkv' || part === 'output' ? 'attention' : 'feedForward'
}
