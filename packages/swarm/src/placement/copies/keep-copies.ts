import type { SystemDependencies } from '@shoal/host'
import { freeDiskBytes } from '@shoal/host/node'
import type { JoinedModel } from '../../joining/join-model.ts'
import type { Member } from '../../peer/member.ts'
import type { Scope } from '../../scope.ts'
import { createDiskCopies } from './disk-copies.ts'

/** Keeps copies of weights on spare disk, in the background. */
export function keepCopies(
  { clock, logger }: SystemDependencies,
  {
    dataFolder,
    spareDiskBytes = Number.POSITIVE_INFINITY,
  }: { readonly dataFolder: string; readonly spareDiskBytes?: number | undefined },
  { transport, manifest, store }: Pick<JoinedModel, 'transport' | 'manifest' | 'store'>,
  { membership, stageHost }: Pick<Member, 'membership' | 'stageHost'>,
  scope: Scope,
): void {
  const copies = createDiskCopies({
    clock,
    logger,
    manifest,
    store,
    membership,
    selfId: transport.peerId,
    limitBytes: spareDiskBytes,
    freeBytes: () => freeDiskBytes(dataFolder),
    sessions: () => stageHost.sessions(),
  })
  scope.onClose(() => copies.close())
}
