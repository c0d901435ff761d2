/** The package's own types describe its wrapper, which is not used; `wasm-module.ts` describes the module. */
declare module 'onnxruntime-web/ort-wasm-simd-threaded.mjs' {
  import type { CreateOrtModule } from '@shoal/runtime/browser'

  const createModule: CreateOrtModule
  export default createModule
}
