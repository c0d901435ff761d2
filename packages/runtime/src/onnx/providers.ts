import { binding } from 'onnxruntime-node/dist/binding.js'

/** An execution provider of the onnxruntime that is installed here. */
export interface ComputeProvider {
  readonly name: string
  /** Its libraries come with onnxruntime; another one needs the system's (CUDA, say) to work. */
  readonly bundled: boolean
  /** Whether this runtime computes with it. */
  readonly used: boolean
}

/** What this machine's onnxruntime was built with: whether a graphics card is there is not its question. */
export function computeProviders(): ComputeProvider[] {
  return binding.listSupportedBackends().map(({ name, bundled }) => ({ name, bundled, used: name === 'cpu' }))
}
