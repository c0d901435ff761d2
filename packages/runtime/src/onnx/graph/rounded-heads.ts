import { codeMax, scaleMin, splitFactor } from '../../tensors/key-value-rounding.ts'
import type { WeightedGraph } from './linear.ts'
import { elementTypes } from './model-proto.ts'

/**
 * Keys or values as an int8 cache will hold them: every head of a row becomes codes times one scale. Attention sees
 * rounded values in the call that makes them too, because a later call sees nothing else, and bits must not depend on calls.
 *
 * @param rows `[1, rows, heads · headSize]`
 * @returns the same shape
 */
export function roundedRows(graph: WeightedGraph, rows: string, heads: number, headSize: number): string {
  const { builder } = graph
  const number = (value: number): string => {
    const bytes = new Uint8Array(Float32Array.of(value).buffer)
    return builder.constant({ name: `number-${value}`, type: 'float32', shape: [1], data: { bytes } })
  }
  const perHead = builder.node('Reshape', [rows, builder.integers('shape-heads', [-1, headSize])])
  const largest = builder.node('ReduceMax', [builder.node('Abs', [perHead]), builder.integers('axis-1', [1])])
  const raw = builder.node('Div', [largest, number(codeMax)])
  const split = builder.node('Mul', [raw, number(splitFactor)])
  const short = builder.node('Sub', [split, builder.node('Sub', [split, raw])])
  const scale = builder.node('Max', [short, number(scaleMin)])
  const whole = builder.node('Round', [builder.node('Div', [perHead, scale])])
  const codes = builder.node('Cast', [whole], { to: elementTypes.int8 })
  const scales = builder.node('Reshape', [scale, builder.integers('shape-flat', [-1])])
  const shape = builder.integers(`shape-batch-${heads}`, [1, -1, heads * headSize])
  return builder.node('Reshape', [dequantised(graph, codes, scales), shape])
}

/**
 * @param codes int8 `[n, headSize]`
 * @param scales float32 `[n]`
 * @returns float32 `[n, headSize]`
 */
export function dequantised({ builder }: WeightedGraph, codes: string, scales: string): string {
  return builder.node('DequantizeLinear', [codes, scales], { axis: 0 })
}
