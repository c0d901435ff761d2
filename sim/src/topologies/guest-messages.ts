/** What a client of a layout is asked. */
export type ToGuest =
  | { readonly kind: 'paths' }
  | { readonly kind: 'ask'; readonly promptIds: readonly number[]; readonly maxTokens: number }

/** What it says. */
export type FromGuest =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'paths'
      readonly peers: readonly {
        readonly peer: string
        readonly path: { readonly kind: string; readonly relay: string | null; readonly why?: string } | null
      }[]
    }
  | { readonly kind: 'begun' }
  | {
      readonly kind: 'answer'
      readonly tokenIds: readonly number[]
      readonly failovers: number
      readonly tokensPerSecond: number
    }
  | { readonly kind: 'failed'; readonly why: string }
