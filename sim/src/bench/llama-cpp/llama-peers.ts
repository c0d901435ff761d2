import { messageOf } from '@shoal/host'
import { ratios } from '../report.ts'
import { llamaCppMissing, startLlamaPeer, type LlamaPeer, type LlamaPeerSettings } from './llama-peer.ts'
import type { GgmlFormatName } from './quantise-rows.ts'

/** llama.cpp beside one of our variants, whose name is the suffix of the medians. */
export interface PeerVariant {
  readonly name: string
  readonly format: GgmlFormatName
  readonly threads: number
}

export interface OpenPeers {
  /** Empty where llama.cpp cannot be measured. */
  readonly peers: readonly { readonly variant: PeerVariant; readonly peer: LlamaPeer }[]
  /** For the report: why there are none, or what they are. */
  readonly note: string
  close(): void
}

/** Starts llama.cpp once for each variant. Where it is absent or refuses the model, the bench goes on without it. */
export async function openLlamaPeers(
  variants: readonly PeerVariant[],
  settings: Omit<LlamaPeerSettings, 'format' | 'threads'>,
  report: (line: string) => void,
): Promise<OpenPeers> {
  const peers: { variant: PeerVariant; peer: LlamaPeer }[] = []
  const close = (): void => {
    for (const { peer } of peers) peer.close()
  }
  const missing = llamaCppMissing()
  if (missing !== null) return { peers, note: missing, close }
  try {
    for (const variant of variants) {
      const { format, threads } = variant
      report(`loading llama.cpp ${format} with ${threads} thread(s) …`)
      peers.push({ variant, peer: await startLlamaPeer({ ...settings, format, threads }) })
    }
  } catch (error) {
    close()
    return {
      peers: [],
      note: `ratios over llama.cpp are left out: ${messageOf(error)}`,
      close: () => undefined,
    }
  }
  return {
    peers,
    note: 'llama.cpp has every matrix in the named format, its embedding and head included, and its weights in memory of its own',
    close,
  }
}

/** Our speeds over llama.cpp's, pair by pair, from `tokensPerSecond…` and `tokensPerSecondPeer…`; nothing without peers. */
export function peerRatios(
  samples: Readonly<Record<string, readonly number[]>>,
  variants: readonly PeerVariant[],
  suffix = '',
): Record<string, number[]> {
  return Object.fromEntries(
    variants.flatMap(({ name }) => {
      const [own, peers] = ['', 'Peer'].map((whose) => samples[`tokensPerSecond${whose}${name}${suffix}`])
      return own === undefined || peers === undefined
        ? []
        : [[`ratio${name}${suffix}`, ratios(own, peers)] as const]
    }),
  )
}
