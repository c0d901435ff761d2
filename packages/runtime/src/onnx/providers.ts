import './no-telemetry.ts'
import { binding } from 'onnxruntime-node/dist/binding.js'

/** An execution provider of the onnxruntime that is installed here. */
export interface ComputeProvider {
  readonly name: string
  /** Whether its libraries come with onnxruntime. Other providers need libraries of the system (CUDA, for example). */
  readonly bundled: boolean
  /** Whether this runtime computes with it. */
  readonly used: boolean
}

/** The providers that the installed onnxruntime was built with, whether or not this machine has hardware for them. */
export function computeProviders(): ComputeProvider[] {
  return binding.listSupportedBackends().map(({ name, bundled }) => ({ name, bundled, used: name === 'cpu' }))
}
