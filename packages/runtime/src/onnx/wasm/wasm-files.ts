/** Version of onnxruntime-web, which is part of the numeric class of a page. */
export const wasmVersion = '1.30.0'

/** The two files of onnxruntime-web that a page needs, out of some 140 MB: the module, and its JavaScript. */
export function wasmFiles(): { readonly script: URL; readonly binary: URL } {
  const find = (name: string): URL => new URL(import.meta.resolve(`onnxruntime-web/${name}`))
  return {
    script: find('ort-wasm-simd-threaded.mjs'),
    binary: find('ort-wasm-simd-threaded.wasm'),
  }
}
