/**
 * The engine for the worker of a page, without a module of Node: it computes blocks with onnxruntime in WebAssembly.
 *
 * @example
 * const take = createPageEngine({ ...own, manifest, module, threads: 1, fetchUnit, reply, nextTurn })
 * take(request)
 */
export { createPageEngine, type PageEngineOptions } from './onnx/wasm/page-engine.ts'
export { timeBlock, type PageBlockSpeed } from './onnx/wasm/block-speed.ts'
export { wasmVersion } from './onnx/wasm/wasm-files.ts'
export { wasmRuntime } from './onnx/wasm/wasm-runtime.ts'
export type { CreateOrtModule, OrtModule } from './onnx/wasm/wasm-module.ts'
export type { CallReply, CallRequest } from './onnx/host/compute-calls.ts'
export { decodeFrame, encodeFrame, type FrameBounds } from './onnx/host/remote/frames.ts'
