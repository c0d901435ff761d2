import { messageOf, ShoalError } from '@shoal/host'
import { isFunction, isObject } from '../speed-ups/report.ts'

/** What this package uses of node-datachannel, which is absent where no binary of it fits. */
export interface DataChannelLibrary {
  readonly PeerConnection: new (name: string, options: PeerConnectionOptions) => PeerConnection
  cleanup(): void
  setSctpSettings(settings: { readonly sendBufferSize: number; readonly recvBufferSize: number }): void
}

export interface PeerConnectionOptions {
  readonly iceServers: readonly { readonly hostname: string; readonly port: number }[]
  readonly disableAutoNegotiation: true
  readonly disableFingerprintVerification: true
  readonly maxMessageSize: number
}

export interface PeerConnection {
  close(): void
  setLocalDescription(type: 'offer' | 'answer'): void
  setRemoteDescription(text: string, type: 'offer' | 'answer'): void
  addRemoteCandidate(text: string, section: string): void
  localDescription(): { readonly sdp: string } | null
  createDataChannel(label: string, options: { readonly negotiated: true; readonly id: number }): DataChannel
  getSelectedCandidatePair(): CandidatePair | null
  onGatheringStateChange(listener: (state: string) => void): void
  onStateChange(listener: (state: string) => void): void
}

interface CandidatePair {
  readonly local: { readonly address: string; readonly port: number }
  readonly remote: { readonly address: string; readonly port: number }
}

export interface DataChannel {
  close(): void
  sendMessage(text: string): boolean
  sendMessageBinary(bytes: Uint8Array): boolean
  bufferedAmount(): number
  onOpen(listener: () => void): void
  onClosed(listener: () => void): void
  onError(listener: (error: string) => void): void
  onMessage(listener: (message: string | Uint8Array | ArrayBuffer) => void): void
}

const isLibrary = (value: unknown): value is DataChannelLibrary =>
  isObject(value) &&
  isFunction(value['PeerConnection']) &&
  isFunction(value['cleanup']) &&
  isFunction(value['setSctpSettings'])

// Not a literal: the package is optional, and neither the type checker nor the bundler may insist on it.
const packageName: string = 'node-datachannel'

let loading: Promise<DataChannelLibrary> | undefined

/**
 * The library, loaded when it is first needed.
 * @throws {ShoalError} `not-ready` where it is not installed or does not load
 */
export function loadDataChannels(): Promise<DataChannelLibrary> {
  loading ??= load()
  return loading
}

/** Why this machine cannot connect through routers; null where it can. */
export const whyNoPunching = (): Promise<string | null> => loadDataChannels().then(() => null, messageOf)

async function load(): Promise<DataChannelLibrary> {
  try {
    const module: unknown = await import(packageName)
    const library = isObject(module) && 'default' in module ? module['default'] : module
    if (!isLibrary(library)) throw new TypeError('it is not as it was')
    return library
  } catch (error) {
    throw new ShoalError(
      'not-ready',
      `node-datachannel, the optional package that opens connections through routers, does not load here: ${messageOf(error).split('\n')[0]}`,
      { cause: error },
    )
  }
}
