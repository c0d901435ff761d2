import { badFrame } from '../frame.ts'
import type { Step } from './session-messages.ts'

/** A step of which a leaving stage has handed over the outputs: its rows, and which of them the coordinator wants back. */
export type SentStep = Pick<Step, 'step' | 'position' | 'rows' | 'want'>

const wants = ['none', 'last', 'all'] as const
const bytesPerStep = 16

/** Encodes four little-endian u32 per step: step, position, rows, want (0 none, 1 last, 2 all). */
export function encodeSteps(steps: readonly SentStep[]): Uint8Array {
  const bytes = new Uint8Array(steps.length * bytesPerStep)
  const view = new DataView(bytes.buffer)
  for (const [index, { step, position, rows, want }] of steps.entries()) {
    const at = index * bytesPerStep
    view.setUint32(at, step, true)
    view.setUint32(at + 4, position, true)
    view.setUint32(at + 8, rows, true)
    view.setUint32(at + 12, wants.indexOf(want), true)
  }
  return bytes
}

/**
 * Decodes the payload of `key-values-end`. The steps must be contiguous: numbers count up, and each step begins at the
 * position where the one before ended.
 * @throws {ShoalError} `bad-frame`
 */
export function decodeSteps(payload: Uint8Array): SentStep[] {
  if (payload.length % bytesPerStep !== 0)
    throw badFrame(`key-values-end: ${payload.length} bytes are not steps of ${bytesPerStep}`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const steps: SentStep[] = []
  for (let at = 0; at < payload.length; at += bytesPerStep) {
    const [step, position, rows] = [
      view.getUint32(at, true),
      view.getUint32(at + 4, true),
      view.getUint32(at + 8, true),
    ]
    const want = wants[view.getUint32(at + 12, true)]
    const before = steps.at(-1)
    if (want === undefined || rows === 0)
      throw badFrame(`key-values-end: step ${step} at position ${position} has no rows or an unknown want`)
    if (before !== undefined && (step <= before.step || position !== before.position + before.rows)) {
      throw badFrame(
        `key-values-end: step ${step} at position ${position} does not follow step ${before.step}, which ends at ${before.position + before.rows}`,
      )
    }
    steps.push({ step, position, rows, want })
  }
  return steps
}
