/** What tests of the whole system use of the siege: peers that send any frames, and the attacks. */
export { Besieger, type Attack, type Target } from './attack.ts'
export { AttackerProcess } from './attacker-process.ts'
export { attacks } from './attacks/index.ts'
export { fuzzHttp } from '../fuzz/http/fuzz-http.ts'
export { openOf, stepOf } from './attacks/sessions.ts'
export { createRawPeer, readFrames, type RawPeer, type RawPeerOptions } from './raw-peer.ts'
export { vitalSigns, type VitalSigns } from './vital-signs.ts'
