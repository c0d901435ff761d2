import { encodeMessage, type ProtobufWriter } from './protobuf.ts'

/** `TensorProto.DataType` of onnx.proto. */
export const elementTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const
export type ElementType = keyof typeof elementTypes

/** Where a constant's bytes are: in the model itself, or in a file of the folder given to the session. */
export type ConstantData =
  | { readonly bytes: Uint8Array }
  | { readonly file: string; readonly offset: number; readonly length: number }

export interface Constant {
  readonly name: string
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly data: ConstantData
}

/** A graph input or output; a named dimension varies from run to run. */
export interface GraphValue {
  readonly name: string
  readonly type: ElementType
  readonly shape: readonly (number | string)[]
}

/** Plain numbers are int attributes; floats are marked, because ONNX types attributes and onnxruntime checks. */
export type Attribute = number | string | { readonly float: number }

export interface GraphNode {
  readonly operator: string
  /** Empty for an ONNX operator, `com.microsoft` for onnxruntime's own. */
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

export interface Graph {
  readonly inputs: readonly GraphValue[]
  readonly outputs: readonly GraphValue[]
  readonly constants: readonly Constant[]
  readonly nodes: readonly GraphNode[]
}

const irVersion = 10
const onnxOperatorSet = 21
export const microsoft = 'com.microsoft'

/** The bytes of a ModelProto. Field numbers are those of onnx.proto. */
export function encodeModel(graph: Graph): Uint8Array {
  return encodeMessage((model) => {
    model.integer(1, irVersion)
    model.text(2, 'shoal')
    model.message(7, (proto) => {
      graph.nodes.forEach((node, index) => proto.message(1, (inner) => writeNode(inner, node, index)))
      proto.text(2, 'blocks')
      for (const constant of graph.constants) proto.message(5, (inner) => writeConstant(inner, constant))
      for (const value of graph.inputs) proto.message(11, (inner) => writeValue(inner, value))
      for (const value of graph.outputs) proto.message(12, (inner) => writeValue(inner, value))
    })
    for (const [domain, version] of [
      ['', onnxOperatorSet],
      [microsoft, 1],
    ] as const) {
      model.message(8, (set) => {
        set.text(1, domain)
        set.integer(2, version)
      })
    }
  })
}

function writeNode(writer: ProtobufWriter, node: GraphNode, index: number): void {
  for (const input of node.inputs) writer.text(1, input)
  for (const output of node.outputs) writer.text(2, output)
  writer.text(3, `${node.operator}-${index}`)
  writer.text(4, node.operator)
  for (const [name, value] of Object.entries(node.attributes))
    writer.message(5, (inner) => writeAttribute(inner, name, value))
  writer.text(7, node.domain)
}

function writeAttribute(writer: ProtobufWriter, name: string, value: Attribute): void {
  const [float, integer, text] = [1, 2, 3]
  writer.text(1, name)
  if (typeof value === 'number') {
    writer.integer(3, value)
    writer.integer(20, integer)
  } else if (typeof value === 'string') {
    writer.text(4, value)
    writer.integer(20, text)
  } else {
    writer.float(2, value.float)
    writer.integer(20, float)
  }
}

function writeConstant(writer: ProtobufWriter, constant: Constant): void {
  const { data } = constant
  for (const size of constant.shape) writer.integer(1, size)
  writer.integer(2, elementTypes[constant.type])
  writer.text(8, constant.name)
  if ('bytes' in data) {
    writer.bytes(9, data.bytes)
    return
  }
  const entries = { location: data.file, offset: String(data.offset), length: String(data.length) }
  for (const [key, value] of Object.entries(entries)) {
    writer.message(13, (entry) => {
      entry.text(1, key)
      entry.text(2, value)
    })
  }
  const external = 1
  writer.integer(14, external)
}

function writeValue(writer: ProtobufWriter, value: GraphValue): void {
  writer.text(1, value.name)
  writer.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.integer(1, elementTypes[value.type])
      tensor.message(2, (shape) => {
        for (const size of value.shape) {
          shape.message(1, (dimension) =>
            typeof size === 'number' ? dimension.integer(1, size) : dimension.text(2, size),
          )
        }
      })
    }),
  )
}
