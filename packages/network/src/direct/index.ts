/** Sockets of their own without libp2p, for threads that need nothing else of the network. */
export { wholeCredit } from '../channel/first-credit.ts'
export { createHeldFrames } from '../channel/held-frames.ts'
export { createOffers, type Offer, type Offers } from './offers.ts'
export { createSocketChannel } from './socket-channel.ts'
export { connectDirect, listenDirect, type DirectServer } from './tls.ts'
