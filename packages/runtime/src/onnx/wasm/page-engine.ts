import { asShoalError, messageOf, ShoalError, type Clock, type Random } from '@shoal/host'
import { createPortableHasher, unitOf, unitsOfRange, type Manifest } from '@shoal/model'
import type { GraphRuntime } from '../computers/compute-session.ts'
import { createComputeEngine } from '../engine/compute-engine.ts'
import { answerRequests } from '../host/answer-requests.ts'
import type { CallReply, CallRequest, ComputeCalls } from '../host/compute-calls.ts'
import type { OrtModule } from './wasm-module.ts'

export interface PageEngineOptions {
  readonly clock: Clock
  readonly random: Random
  readonly manifest: Manifest
  readonly module: Pick<OrtModule, 'mountExternalData' | 'unmountExternalData'>
  /** `wasmRuntime` of that module. */
  readonly runtime: GraphRuntime
  /** Fetches the packed file of a unit. It need not be trusted. */
  fetchUnit(unit: string): Promise<Uint8Array>
  reply(reply: CallReply): void
  /** Lets messages arrive that were sent meanwhile, before the next call. */
  nextTurn(): Promise<void>
}

/**
 * The engine in the worker of a page: the one of a node, over onnxruntime in WebAssembly. Weights are fetched when blocks are
 * loaded, compared with the hashes of the manifest, copied into the module's heap by it, and then forgotten here.
 * @returns takes a request
 */
export function createPageEngine(options: PageEngineOptions): (request: CallRequest) => void {
  const { manifest, module, runtime } = options
  const reply = (answer: CallReply): void => options.reply(answer)
  const engine = createComputeEngine(options, manifest, runtime)
  const take = answerRequests(
    engine,
    (answer, request) => {
      if (request.name === 'load-blocks') module.unmountExternalData()
      reply(answer)
    },
    () => options.nextTurn(),
    options.clock,
  )
  /** One load at a time, since the module forgets all files at once. */
  let loading: Promise<void> = Promise.resolve()
  return (request) => {
    if (request.name !== 'load-blocks') {
      take(request)
      return
    }
    const { range } = request.arguments as ComputeCalls['load-blocks']['arguments']
    loading = loading.then(async () => {
      try {
        for (const unit of unitsOfRange(manifest.config, range))
          module.mountExternalData(`${unit}.bin`, checked(manifest, unit, await options.fetchUnit(unit)))
        take(request)
      } catch (error) {
        const { code, definite } = asShoalError(error)
        reply({ id: request.id, failure: { code, definite, message: messageOf(error), stack: null } })
      }
    })
  }
}

/** @throws {ShoalError} `bad-model` when the bytes are not those of the manifest */
export function checked(manifest: Manifest, unit: string, bytes: Uint8Array): Uint8Array {
  for (const tensor of manifest.tensors) {
    if (unitOf(tensor.name) !== unit) continue
    const hasher = createPortableHasher()
    hasher.update(bytes.subarray(tensor.offset, tensor.offset + tensor.bytes))
    if (hasher.digest() !== tensor.sha256)
      throw new ShoalError(
        'bad-model',
        `${tensor.name} is not what the manifest names: its bytes were changed on the way`,
      )
  }
  return bytes
}
