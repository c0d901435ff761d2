/** What the fuzzer of `sim` reads that other packages never read by themselves. */
export { createFrameReader } from './channel/frame-reader.ts'
export { onInternet, usableCandidates } from './libp2p/punch/candidates.ts'
export { readBindingAnswer, readBindingRequest } from './libp2p/punch/stun-message.ts'
