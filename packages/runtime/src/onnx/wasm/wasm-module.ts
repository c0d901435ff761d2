/**
 * The part of onnxruntime's WebAssembly module that this package calls: C functions over one heap, all of them synchronous
 * in the build without a GPU. The types follow `lib/wasm/wasm-types.ts` of onnxruntime-web, whose version is pinned exactly,
 * since the module is not a public interface. Pointers are offsets in the heap; a status other than 0 is an error.
 */
export interface OrtModule {
  /** Views of the heap. They are replaced whenever the heap grows, so they must be read anew after every call. */
  readonly HEAPU8: Uint8Array
  readonly HEAP32: Int32Array
  readonly PTR_SIZE: number
  _malloc(bytes: number): number
  _free(pointer: number): void
  stackSave(): number
  stackAlloc(bytes: number): number
  stackRestore(stack: number): void
  UTF8ToString(pointer: number): string
  lengthBytesUTF8(text: string): number
  stringToUTF8(text: string, pointer: number, bytesMax: number): void
  _OrtInit(threads: number, loggingLevel: number): number
  _OrtGetLastError(code: number, message: number): number
  _OrtCreateSessionOptions(
    optimisation: number,
    memoryArena: boolean,
    memoryPattern: boolean,
    executionMode: number,
    profiling: boolean,
    profilePrefix: number,
    logId: number,
    logSeverity: number,
    logVerbosity: number,
    optimisedPath: number,
  ): number
  _OrtAddSessionConfigEntry(options: number, key: number, value: number): number
  _OrtReleaseSessionOptions(options: number): number
  _OrtCreateSession(model: number, bytes: number, options: number): number
  _OrtReleaseSession(session: number): number
  _OrtCreateTensor(
    type: number,
    data: number,
    bytes: number,
    dimensions: number,
    dimensionCount: number,
    location: number,
  ): number
  /** Writes four words: type, data, dimensions, number of dimensions. The caller frees the dimensions. */
  _OrtGetTensorData(tensor: number, type: number, data: number, dimensions: number, count: number): number
  _OrtReleaseTensor(tensor: number): number
  _OrtFree(pointer: number): number
  _OrtRun(
    session: number,
    inputNames: number,
    inputs: number,
    inputCount: number,
    outputNames: number,
    outputCount: number,
    outputs: number,
    options: number,
  ): number
  /** Makes a file known to graphs that name it as the place of their constants. */
  mountExternalData(path: string, bytes: Uint8Array): void
  unmountExternalData(): void
}

/** The default export of `ort-wasm-simd-threaded.mjs`. */
export type CreateOrtModule = (options: {
  readonly numThreads: number
  /** The address of the `.wasm` file of that name. */
  readonly locateFile?: (name: string) => string
}) => Promise<OrtModule>
