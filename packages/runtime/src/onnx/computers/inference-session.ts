import '../no-telemetry.ts'
import { ShoalError, messageOf } from '@shoal/host'
import { createNodeHasher } from '@shoal/model/node'
import { binding, initOrt, type Binding } from 'onnxruntime-node/dist/binding.js'
import { version } from 'onnxruntime-node/dist/version.js'
import { createReadAhead } from '../engine/read-ahead.ts'
import type { NativeGate } from '../native-gate.ts'
import { unitFiles } from '../tensors/unit-files.ts'
import type { ComputeSession, GraphRuntime } from './compute-session.ts'

export interface SessionOptions {
  /** Folder that external constants lie in. */
  readonly folder: string
  readonly threads: number
  readonly gate: NativeGate
}

/**
 * Loads a graph. No other module runs the native onnxruntime (`providers.ts` only asks for its providers). It uses the binding's synchronous object instead of the public
 * wrapper, which only adds a turn of the event loop and blocks the thread all the same; the binding is not a public
 * interface, so the version of onnxruntime-node is pinned exactly.
 *
 * @throws {ShoalError} `compute-failed` when onnxruntime refuses it: files missing, too little memory
 */
export function loadSession(model: Uint8Array, options: SessionOptions): ComputeSession {
  const { gate } = options
  const session = loaded(model, options)
  return {
    run(feeds, outputs) {
      const fetches = Object.fromEntries(outputs.map((name) => [name, null]))
      const results = gate.pass(() => described('computing failed', () => session.run(feeds, fetches, {})))
      return Object.fromEntries(outputs.map((name) => [name, floats(results[name], name)]))
    },
    release: () => gate.pass(() => described('could not free a graph', () => session.dispose())),
  }
}

/** The native onnxruntime, over the units' files of a packed folder. */
export function nativeRuntime(options: SessionOptions): GraphRuntime {
  return {
    version,
    threads: options.threads,
    load: (model, threads = options.threads) => loadSession(model, { ...options, threads }),
    createReadAhead: (config) => createReadAhead(config, options.folder),
    readTensor: unitFiles(options.folder),
    createHasher: createNodeHasher,
  }
}

/** A function of its own, so that the closures of a session do not keep the model's bytes, which hold a rank's weights, in memory. */
function loaded(model: Uint8Array, { folder, threads, gate }: SessionOptions): Binding.InferenceSession {
  return gate.pass(() => {
    const session = described('could not start', () => {
      initOrt()
      return new binding.InferenceSession()
    })
    // A private copy: the binding takes an ArrayBuffer with an offset.
    const bytes = model.slice()
    described('could not load a graph', () =>
      session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
        // Each block has a session. With an arena each, they would keep the activations of a prefill chunk once per block
        // (2.1 GB instead of 1.3 GB for 16 blocks of the 1B shape), and would be no faster (interleaved measurement).
        enableCpuMemArena: false,
        extra: {
          session: {
            model_external_initializers_file_folder_path: folder,
            // Each session has a thread pool of its own, and spinning pools starve each other.
            intra_op: { allow_spinning: '0' },
          },
        },
      }),
    )
    return session
  })
}

function described<T>(what: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw new ShoalError('compute-failed', `onnxruntime ${what}: ${messageOf(error)}`, { cause: error })
  }
}

function floats(value: unknown, name: string): Float32Array<ArrayBuffer> {
  const data: unknown = (value as { data?: unknown } | undefined)?.data
  if (!(data instanceof Float32Array) || !(data.buffer instanceof ArrayBuffer))
    throw new Error(`output ${name} is not float32`)
  return data as Float32Array<ArrayBuffer>
}
