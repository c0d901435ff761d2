import { ModelError } from '../error.ts'
import { asObject, fieldOf, show } from '../json-fields.ts'
import { formatName, parseFormat, type MatrixFormat } from '../packing/matrix-format.ts'
import {
  formatWeights,
  matrixKinds,
  parseProfile,
  roundings,
  type MatrixKind,
  type NumericProfile,
} from '../packing/profile.ts'

/**
 * The profile of a manifest from an untrusted peer.
 * @throws {ModelError} `bad-model`; `unsupported-model` for what a later version may support
 */
export function checkProfile(value: unknown): NumericProfile {
  const object = asObject(value, 'the profile')
  const graphForm = fieldOf(object, 'graphForm')
  if (graphForm !== 'canonical-1')
    throw new ModelError(
      'unsupported-model',
      `graph form ${show(graphForm)} is not supported, only canonical-1`,
    )
  const rounding = fieldOf(object, 'rounding')
  const known = roundings.find((one) => one === rounding)
  if (known === undefined)
    throw new ModelError(
      'unsupported-model',
      `rounding ${show(rounding)} is not supported, only ${roundings.join(', ')}`,
    )
  const formats = asObject(fieldOf(object, 'formats'), 'the formats of the profile')
  const entries = matrixKinds.map((kind) => [kind, checkFormat(fieldOf(formats, kind), kind)] as const)
  try {
    const weights = formatWeights({
      formats: Object.fromEntries(entries) as Record<MatrixKind, MatrixFormat>,
      rounding: known,
      kv: 'f32',
      graphForm,
    })
    const profile = parseProfile(weights, String(fieldOf(object, 'kv')))
    const matrices = fieldOf(object, 'matrices')
    return matrices === undefined ? profile : { ...profile, matrices: checkEach(matrices) }
  } catch (cause) {
    throw nonsense(cause)
  }
}

/** Formats of single matrices. That they are those of the config's matrices is checked where the config is known. */
function checkEach(value: unknown): Readonly<Record<string, MatrixFormat>> {
  const object = asObject(value, 'the formats of matrices')
  return Object.fromEntries(
    Object.keys(object).map((name) => [name, checkFormat(fieldOf(object, name), show(name))]),
  )
}

function checkFormat(value: unknown, kind: string): MatrixFormat {
  const object = asObject(value, `the format of ${kind}`)
  const [weights, blockSize] = [fieldOf(object, 'weights'), fieldOf(object, 'blockSize')]
  let format: MatrixFormat
  try {
    format = parseFormat(
      weights === 'f32' && blockSize === 0
        ? 'f32'
        : `${String(weights)}:${String(blockSize)}${fieldOf(object, 'offsets') === true ? ':offset' : ''}`,
    )
  } catch (cause) {
    throw nonsense(cause)
  }
  const accuracyLevel = fieldOf(object, 'accuracyLevel')
  if (accuracyLevel === format.accuracyLevel) return format
  throw new ModelError(
    'unsupported-model',
    `accuracy level ${show(accuracyLevel)} is not supported for ${formatName(format)}, only ${format.accuracyLevel}`,
  )
}

function nonsense(cause: unknown): ModelError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new ModelError('bad-model', `the manifest's profile makes no sense: ${reason}`, { cause })
}
