import type { SystemDependencies } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import { formatProfile } from '@shoal/model'
import type { Scope } from '../scope.ts'
import { createPublisher, type Publisher } from './publisher.ts'
import { sayHello, type HelloSelf } from '../joining/hello.ts'
import { agent } from '../joining/ask-peer.ts'
import type { JoinedModel } from '../joining/join-model.ts'

/** Announces this node in the directory until the scope closes, and greets the nodes of the same manifest that it names. */
export function startNodePublisher(
  { clock, random, logger }: SystemDependencies,
  { transport, directory, manifest }: JoinedModel,
  membership: Membership,
  bootstrap: readonly string[],
  scope: Scope,
): Publisher {
  const { profile, name } = manifest.manifest
  const self: HelloSelf = {
    agent,
    role: 'node',
    manifest: manifest.id,
    profile: formatProfile(profile),
    model: name,
  }
  const greet = async (peer: string, signal: AbortSignal): Promise<void> =>
    void (await sayHello({ transport, clock }, peer, self, signal))
  const publisher = createPublisher(
    { directory, transport, membership, manifest, clock, random, logger, greet },
    { bootstrap },
  )
  scope.onClose(() => publisher.close())
  publisher.start()
  return publisher
}
