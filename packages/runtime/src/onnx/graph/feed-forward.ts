import type { Activation, DenseSpec, ExpertsSpec } from '@shoal/model'
import { linear, vector, type WeightedGraph } from './linear.ts'

/**
 * A feed-forward network, or a rank's columns of it.
 * @param prefix of the names of its matrices
 */
export function feedForward(
  graph: WeightedGraph,
  { size, gated, bias, outputBias, activation }: DenseSpec,
  prefix: string,
  x: string,
  hiddenSize: number,
): string {
  const { builder } = graph
  const wide = (part: 'gate-up' | 'up', width: number): string => {
    const ownBias = bias ? vector(graph, `${prefix}${part}.bias`, width) : undefined
    return linear(graph, x, `${prefix}${part}`, width, hiddenSize, ownBias)
  }
  const downBias = (): string | undefined =>
    outputBias ? vector(graph, `${prefix}down.bias`, hiddenSize) : undefined
  if (!gated) {
    const active = activated(graph, activation, wide('up', size))
    return linear(graph, active, `${prefix}down`, hiddenSize, size, downBias())
  }
  const both = wide('gate-up', 2 * size)
  const [gate = '', up = ''] = builder.nodes('Split', [both], ['gate', 'up'], { axis: 1, num_outputs: 2 })
  const product = builder.node('Mul', [activated(graph, activation, gate), up])
  return linear(graph, product, `${prefix}down`, hiddenSize, size, downBias())
}

function activated({ builder }: WeightedGraph, activation: Activation, x: string): string {
  switch (activation) {
    case 'silu':
      // With alpha 1 this is silu, in one operator.
      return builder.contrib('QuickGelu', [x], { alpha: { float: 1 } })
    case 'gelu':
      return builder.node('Gelu', [x], { approximate: 'none' })
    case 'gelu-tanh':
      return builder.node('Gelu', [x], { approximate: 'tanh' })
    case 'relu-squared': {
      const positive = builder.node('Relu', [x])
      return builder.node('Mul', [positive, positive])
    }
  }
}

/** SwiGLU without biases. @param prefix of the names of its matrices */
export function swiglu(
  graph: WeightedGraph,
  prefix: string,
  x: string,
  hiddenSize: number,
  size: number,
): string {
  const network = {
    kind: 'dense',
    size,
    activation: 'silu',
    gated: true,
    bias: false,
    outputBias: false,
  } as const
  return feedForward(graph, network, prefix, x, hiddenSize)
}

/** The sigmoid of gpt-oss' gates is steeper than that of silu. */
const gateSteepness = 1.702

/** The network of one expert. @param prefix of the names of its matrices */
export function expertNetwork(
  graph: WeightedGraph,
  { size, biased, gateBound }: ExpertsSpec,
  prefix: string,
  x: string,
  hiddenSize: number,
): string {
  const { builder } = graph
  const product = (gate: string, up: string): string => {
    if (gateBound === undefined) return builder.node('Mul', [activated(graph, 'silu', gate), up])
    const scalar = (name: string, value: number): string =>
      builder.constant({
        name,
        type: 'float32',
        shape: [],
        data: { bytes: new Uint8Array(Float32Array.of(value).buffer) },
      })
    const most = scalar('gate-bound', gateBound)
    const boundGate = builder.node('Min', [gate, most])
    const boundUp = builder.node('Max', [
      builder.node('Min', [up, most]),
      scalar('gate-bound-negative', -gateBound),
    ])
    const active = builder.contrib('QuickGelu', [boundGate], { alpha: { float: gateSteepness } })
    return builder.node('Mul', [builder.node('Add', [boundUp, scalar('one', 1)]), active])
  }
  const bias = (name: string, width: number): string | undefined =>
    biased === true ? vector(graph, `${prefix}${name}.bias`, width) : undefined
  const both = linear(graph, x, `${prefix}gate-up`, 2 * size, hiddenSize, bias('gate-up', 2 * size))
  const [gate = '', up = ''] = builder.nodes('Split', [both], ['gate', 'up'], { axis: 1, num_outputs: 2 })
  return linear(graph, product(gate, up), `${prefix}down`, hiddenSize, size, bias('down', hiddenSize))
}
