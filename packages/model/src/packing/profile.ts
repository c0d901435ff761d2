import { ModelError } from '../error.ts'
import { sha256Hex } from '../manifest/hasher.ts'
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
  /**
   * Formats of single matrices in place of those of their kinds, for `--weights gguf`: by name, `embed`, `block-3.qkv`,
   * `block-3-expert.down` for all experts of a block. Then `formats` are those of each kind that take the most memory.
   */
  readonly matrices?: Readonly<Record<string, MatrixFormat>>
  /** Rounding of the matrices in int4; `nearest` where there are none. */
  readonly rounding: Rounding
  readonly kv: KeyValueFormat
  readonly graphForm: 'canonical-1'
}

/** Profile of a model whose weights are floats, the demo model excepted. */
export const usualWeights = 'int4:128'

/** `--weights` that takes the format of each matrix from a GGUF file ({@link profileOfBlocks}). */
export const ggufWeights = 'gguf'

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
  if (weights === ggufWeights || weights.startsWith(`${ggufWeights}-`))
    throw new ModelError(
      'bad-request',
      `--weights ${weights} takes the format of each matrix from a GGUF file; name one with --model, or a format, as in --weights ${usualWeights}`,
    )
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

/**
 * The `--weights` of a profile, in its shortest form: `f32`, `int4:128`, `int4:32+head-int8:128`. Where each matrix has a
 * format of its own, `gguf-` and eight digits of a hash of them.
 */
export function formatWeights({ formats, rounding, matrices }: NumericProfile): string {
  if (matrices !== undefined) return `${ggufWeights}-${fingerprintOf(matrices)}`
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

function fingerprintOf(matrices: NonNullable<NumericProfile['matrices']>): string {
  const names = Object.keys(matrices).sort()
  const list = names.map((name) => [name, formatName(matrices[name] as MatrixFormat)])
  return sha256Hex(new TextEncoder().encode(JSON.stringify(list))).slice(0, 8)
}

/** The format of a packed matrix. @param name of the tensor, with or without `.weight`, `.scale` or `.offset` */
export function formatOf({ formats, matrices }: NumericProfile, name: string): MatrixFormat {
  const own = matrices?.[matrixName(name)]
  return own ?? formats[kindOf(name)]
}

/** What a matrix is called in a profile. @param name as for {@link formatOf} */
export function matrixName(name: string): string {
  const [unit = '', part = ''] = name.split('.')
  if (unit === 'embed' || unit === 'head') return unit
  return `${unit.replace(/-expert-\d+$/, '-expert')}.${part}`
}

/** Weights of a kind of matrices along a row that no cut may separate: those of the longest blocks. */
export function blockSizeOf({ formats, matrices = {} }: Blocks, kind: MatrixKind): number {
  const own = Object.entries(matrices).filter(([name]) => kindOf(name) === kind)
  return Math.max(formats[kind].blockSize, ...own.map(([, { blockSize }]) => blockSize))
}

type Blocks = Pick<NumericProfile, 'formats' | 'matrices'>

/** The formats of a block's matrices as a text, equal for blocks whose matrices have the same; empty where kinds decide. */
export function blockFormats({ matrices }: NumericProfile, block: number): string {
  const own = new RegExp(`^block-${block}(?=[.-])`)
  const entries = Object.entries(matrices ?? {}).filter(([name]) => own.test(name))
  return entries
    .map(([name, format]) => `${name.replace(own, '')} ${formatName(format)}`)
    .sort()
    .join()
}

/** Profiles with one format for all matrices: one for each format of the profile, where every matrix has its own. */
export function uniformProfiles(profile: NumericProfile): readonly NumericProfile[] {
  const { matrices } = profile
  if (matrices === undefined) return [profile]
  const formats = new Map(Object.values(matrices).map((format) => [formatName(format), format]))
  return [...formats.keys()].sort().map((name) => {
    const format = formats.get(name) as MatrixFormat
    return { ...profileOfKinds(profile), formats: { attention: format, feedForward: format, head: format } }
  })
}

/** The profile with the formats of kinds only: those that take the most memory. */
export function profileOfKinds({ formats, rounding, kv, graphForm }: NumericProfile): NumericProfile {
  return { formats, rounding, kv, graphForm }
}

const attentionParts: ReadonlySet<string> = new Set([
  'qkv',
  'output',
  'query',
  'query-down',
  'query-up',
  'key-value-down',
  'key-value-up',
])

export function kindOf(name: string): MatrixKind {
  const [unit, part = ''] = name.split('.')
  if (unit === 'embed' || unit === 'head') return 'head'
  return attentionParts.has(part) ? 'attention' : 'feedForward'
}
