/**
 * The Shoal SDK: generation by a swarm, from TypeScript.
 *
 * @example
 * const swarm = await connect({ model: 'demo', join: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3Koo…'] })
 * for await (const part of swarm.chat([{ role: 'user', content: 'Who are you?' }])) process.stdout.write(part.text)
 * const { text, route, usage } = await swarm.generate('Once upon a time', { temperature: 0 })
 * await swarm.close()
 */
export { connect, type ConnectOptions } from './connect.ts'
export {
  createSwarmClient,
  type GenerateAnswer,
  type GenerateOptions,
  type SwarmClient,
  type TextPart,
} from './swarm-client.ts'
export type { BasicOptions, ForwardOptions, ForwardResult, Usage } from './options.ts'
export type { ChatMessage, Grammar } from '@shoal/model'
export type { GenerateResult, SwarmStatus } from '@shoal/swarm'
