import { ShoalError } from '@shoal/host'
import { createPortableHasher } from '@shoal/model'
import type { ComputeSession, GraphRuntime } from '../computers/compute-session.ts'
import { createHeap, wordBytes, type Heap, type Scratch } from './heap.ts'
import type { OrtModule } from './wasm-module.ts'

/** `OrtErrorLevel` of onnxruntime: warnings say what a graph could do better, and nobody reads them. */
const errorsOnly = 3
const allOptimisations = 99
const sequential = 0
/** `DataLocation` of onnxruntime-web: the heap. */
const onHeap = 1

/** `TensorProto.DataType` of the element types of our graphs. */
const elementTypes: Readonly<Record<string, number>> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 }

/**
 * onnxruntime in WebAssembly, as a page runs it. Its kernels are not those of the native build, so that its numeric class is
 * another one (docs/tabs.md). Each call copies its inputs, KV caches included, into the heap of the module.
 * @param version of onnxruntime-web
 * @throws {ShoalError} `compute-failed` when the module does not start
 */
export function wasmRuntime(module: OrtModule, version: string, threads: number): GraphRuntime {
  const heap = createHeap(module)
  heap.check(module._OrtInit(threads, errorsOnly), 'could not start')
  return {
    version: `${version}-wasm`,
    threads,
    // The number of threads is one of the whole module.
    load: (model) => loadSession(heap, model),
    readTensor: () => {
      throw new ShoalError(
        'unsupported-model',
        'ranks need a node of their own: a page computes whole blocks',
      )
    },
    createReadAhead: () => ({ read: () => undefined, close: () => undefined }),
    createHasher: createPortableHasher,
  }
}

function loadSession(heap: Heap, model: Uint8Array): ComputeSession {
  const { module } = heap
  const session = heap.during((scratch) => {
    const options = module._OrtCreateSessionOptions(
      allOptimisations,
      // See the native session: an arena for each block would keep its activations.
      false,
      true,
      sequential,
      false,
      0,
      scratch.text('shoal'),
      errorsOnly,
      0,
      0,
    )
    if (options === 0) heap.fail('could not start')
    try {
      const loaded = module._OrtCreateSession(scratch.copy(model), model.byteLength, options)
      if (loaded === 0) heap.fail('could not load a graph')
      return loaded
    } finally {
      module._OrtReleaseSessionOptions(options)
    }
  })
  return {
    run: (feeds, outputs) => heap.during((scratch) => runSession(heap, scratch, { session, feeds, outputs })),
    release: () => heap.check(module._OrtReleaseSession(session), 'could not free a graph'),
  }
}

interface Run {
  readonly session: number
  readonly feeds: Parameters<ComputeSession['run']>[0]
  readonly outputs: readonly string[]
}

function runSession(
  heap: Heap,
  scratch: Scratch,
  { session, feeds, outputs }: Run,
): ReturnType<ComputeSession['run']> {
  const { module } = heap
  const inputs = Object.entries(feeds)
  const tensors = inputs.map(([, { type, data, dims }]) => {
    const bytes = data as unknown as ArrayBufferView
    const tensor = module._OrtCreateTensor(
      elementTypes[type] ?? 0,
      scratch.copy(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
      bytes.byteLength,
      scratch.words(dims),
      dims.length,
      onHeap,
    )
    if (tensor === 0) heap.fail('could not take an input')
    scratch.later(() => module._OrtReleaseTensor(tensor))
    return tensor
  })
  const results = scratch.words(outputs.map(() => 0))
  const status = module._OrtRun(
    session,
    scratch.words(inputs.map(([name]) => scratch.text(name))),
    scratch.words(tensors),
    inputs.length,
    scratch.words(outputs.map((name) => scratch.text(name))),
    outputs.length,
    results,
    0,
  )
  heap.renewViews(scratch)
  heap.check(status, 'computing failed')
  const found = outputs.map((_, index) => heap.word(results + index * wordBytes))
  for (const tensor of found) scratch.later(() => module._OrtReleaseTensor(tensor))
  return Object.fromEntries(
    outputs.map((name, index) => [name, floats(heap, scratch, name, found[index] ?? 0)]),
  )
}

/** A copy of an output, whose memory the module needs again. */
function floats(heap: Heap, scratch: Scratch, name: string, tensor: number): Float32Array<ArrayBuffer> {
  const { module } = heap
  const words = scratch.words([0, 0, 0, 0])
  const [type, data, dimensions, count] = [0, 1, 2, 3].map((index) => words + index * wordBytes) as [
    number,
    number,
    number,
    number,
  ]
  heap.check(module._OrtGetTensorData(tensor, type, data, dimensions, count), 'lost an output')
  if (heap.word(type) !== elementTypes['float32']) throw new Error(`output ${name} is not float32`)
  const at = heap.word(dimensions)
  let length = 1
  for (let index = 0; index < heap.word(count); index += 1) length *= heap.word(at + index * wordBytes)
  module._OrtFree(at)
  const from = heap.word(data)
  return new Float32Array(module.HEAPU8.slice(from, from + length * Float32Array.BYTES_PER_ELEMENT).buffer)
}
