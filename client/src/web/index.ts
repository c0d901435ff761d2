/**
 * The Shoal SDK for any JavaScript with `fetch`, a browser's page included: a client of the HTTP API of a node. It has no
 * dependency, and takes no part in the swarm: text goes to the node that is asked.
 *
 * @example
 * const swarm = await connect({ api: 'http://127.0.0.1:8090' })
 * for await (const part of swarm.chat([{ role: 'user', content: 'Who are you?' }])) write(part.text)
 * await swarm.close()
 */
export { ApiFailure } from './api-failure.ts'
export { connect, type WebClient, type WebOptions } from './connect.ts'
export type { WebAnswer, WebMessage, WebTextPart } from './answers.ts'
export type { RequestEvent } from './requests.ts'
export type { SwarmChange, WebPeer, WebStatus } from './watch.ts'
export type { ForwardOptions, ForwardResult, BasicOptions, Usage } from '../options.ts'
