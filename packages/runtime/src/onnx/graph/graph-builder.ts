import {
  microsoft,
  type Attribute,
  type Constant,
  type ElementType,
  type Graph,
  type GraphNode,
  type GraphValue,
} from './model-proto.ts'

type Attributes = Readonly<Record<string, Attribute>>

/** Collects nodes and names their outputs, so that model code reads as a sequence of function calls. */
export interface GraphBuilder {
  input(name: string, type: ElementType, shape: readonly (number | string)[]): string
  /** Declares `value` as the graph output `name`. */
  output(value: string, name: string, type: ElementType, shape: readonly (number | string)[]): void
  /** Adds a constant once; the same name again is the same constant. */
  constant(constant: Constant): string
  integers(name: string, values: readonly number[]): string
  /** An ONNX operator with one output. */
  node(operator: string, inputs: readonly string[], attributes?: Attributes): string
  /** One of onnxruntime's own operators with one output. */
  contrib(operator: string, inputs: readonly string[], attributes?: Attributes): string
  /** Any operator with several outputs; '' leaves one out. */
  nodes(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: Attributes,
    domain?: string,
  ): readonly string[]
  build(): Graph
}

export function createGraphBuilder(): GraphBuilder {
  const inputs: GraphValue[] = []
  const outputs: GraphValue[] = []
  const constants = new Map<string, Constant>()
  const nodes: GraphNode[] = []

  const add = (
    operator: string,
    from: readonly string[],
    names: readonly string[],
    attributes: Attributes,
    domain: string,
  ): readonly string[] => {
    const index = nodes.length
    const unique = names.map((name) => (name === '' ? '' : `${name}:${index}`))
    nodes.push({ operator, domain, inputs: from, outputs: unique, attributes })
    return unique
  }
  const single = (
    operator: string,
    from: readonly string[],
    attributes: Attributes,
    domain: string,
  ): string => {
    const [name] = add(operator, from, [operator], attributes, domain)
    if (name === undefined) throw new Error('a node needs at least one output')
    return name
  }
  const builder: GraphBuilder = {
    input(name, type, shape) {
      inputs.push({ name, type, shape })
      return name
    },
    output(value, name, type, shape) {
      nodes.push({ operator: 'Identity', domain: '', inputs: [value], outputs: [name], attributes: {} })
      outputs.push({ name, type, shape })
    },
    constant(constant) {
      if (!constants.has(constant.name)) constants.set(constant.name, constant)
      return constant.name
    },
    integers(name, values) {
      const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
      return builder.constant({ name, type: 'int64', shape: [values.length], data: { bytes } })
    },
    node: (operator, from, attributes = {}) => single(operator, from, attributes, ''),
    contrib: (operator, from, attributes = {}) => single(operator, from, attributes, microsoft),
    nodes: (operator, from, names, attributes = {}, domain = '') =>
      add(operator, from, names, attributes, domain),
    build: () => ({ inputs, outputs, constants: [...constants.values()], nodes }),
  }
  return builder
}
