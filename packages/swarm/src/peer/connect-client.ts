import { withPaths } from '../view/peer-paths.ts'
import type { SystemDependencies } from '@shoal/host'
import { createMembership, membershipProfiles, type Membership } from '@shoal/membership'
import type { WireFormat } from '@shoal/protocol'
import { createDevice, type Device } from '@shoal/runtime'
import { AuditDesk, noReruns, type AuditOptions } from '../audit/audit-desk.ts'
import { auditReport } from '../audit/report.ts'
import { withRoles } from '../admission/private-swarm.ts'
import { inScope, type Scope } from '../scope.ts'
import type { Progress, SwarmPeer } from '../types.ts'
import { createSwarmView } from '../view/swarm-view.ts'
import { joinModel, type JoinedModel } from '../joining/join-model.ts'
import { createStatusFigures, type StatusFigures } from '../view/status-figures.ts'
import { draftsOf } from '../generation/drafting/drafts-of.ts'
import { createRemoteVocabulary, type VocabularyPeer } from '../vocabulary/remote-vocabulary.ts'
import type { VocabularySource } from '../vocabulary/vocabulary.ts'
import { vocabularyPeers } from '../vocabulary/vocabulary-peers.ts'
import { leaveRelays } from '../reach/leave-relays.ts'
import { createEngineAtFirstUse } from '../generation/engine-at-first-use.ts'

export interface ClientOptions {
  /** A local copy of the swarm's model: then embedding and head are not fetched from peers. */
  readonly model?: string | undefined
  readonly weights?: string | undefined
  /** `thin`: a peer that serves blocks computes embedding and head too, and so sees the text; `private` when absent. */
  readonly placement?: 'private' | 'thin' | undefined
  /** Members of the swarm; or, with `model` or `manifestId`, any Shoal peers: the swarm is then found through them. */
  readonly join: readonly string[]
  /** Join only the swarm of this manifest. */
  readonly manifestId?: string | undefined
  /** How hidden states travel: `f16` and `int8` are smaller and change them; `f32`, unchanged, when absent. */
  readonly wire?: WireFormat | undefined
  readonly dataFolder: string
  readonly threads: number
  /** How long an answer waits for somebody to take over blocks that nobody holds any more; 30 s when absent. */
  readonly replacementWaitMs?: number | undefined
  /**
   * REF of a small model with the same tokenizer, which proposes tokens. They are checked, so that the answer is the same.
   * `none`: nothing is drafted, not from the text itself either.
   */
  readonly draft?: string | undefined
  /** A hot spare for every answer: a second route that shares as few peers as possible computes the same rows. */
  readonly spare?: boolean | undefined
  /** How this client audits its sessions. */
  readonly audits?: AuditOptions | undefined
  /** Told once, in a sentence, when the swarm is not ready and is asked again. */
  readonly onWait?: ((sentence: string) => void) | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ClientPeer extends SwarmPeer, Pick<StatusFigures, 'searchDirectory' | 'askMembers'> {}

/** Joins as a client: it sees the swarm and coordinates its own generations, but is no member and serves nothing. */
export function connectClient(dependencies: SystemDependencies, options: ClientOptions): Promise<ClientPeer> {
  return inScope((scope) => connect(dependencies, options, scope))
}

/** Nobody reaches a client by itself. */
const connection = { listen: [], lan: false, serveDirectory: false }

async function connect(
  dependencies: SystemDependencies,
  options: ClientOptions,
  scope: Scope,
): Promise<ClientPeer> {
  const { clock, random, logger } = dependencies
  const joined = await joinModel(dependencies, { ...options, role: 'client', connection }, scope)
  const { transport, manifest, store, rates, reputation } = joined
  const membership = createMembership(
    { transport, clock, random, logger, conduct: reputation.neighbours },
    { ...membershipProfiles.local, document: manifest.id, incarnation: 1 },
  )
  scope.onClose(() => membership.close())
  joined.askOnly(() => membership.members().map(({ record }) => record.peerId))
  membership.start()
  leaveRelays({ ...dependencies, transport, membership }, scope)
  const view = createSwarmView({
    selfId: transport.peerId,
    manifest,
    membership,
    rates,
    banned: () => reputation.banned(),
  })

  const audits = new AuditDesk(
    { ...dependencies, transport, manifest, membership, reputation },
    options.audits ?? noReruns,
  )
  const engine = createEngineAtFirstUse({
    ...dependencies,
    transport,
    manifest,
    routes: view,
    reputation,
    audits,
    // A client that only looks at the swarm starts no computing thread.
    device: () => openDevice(dependencies, joined, options, scope),
    thin: options.placement === 'thin' ? () => thinVocabulary(dependencies, joined, membership) : undefined,
    ...draftsOf(dependencies, options, manifest, scope),
    store,
    ...answerOptions(options),
  })
  scope.onClose(() => engine.close())
  const figures = createStatusFigures(joined, membership, clock)
  return {
    peerId: transport.peerId,
    addresses: () => transport.addresses(),
    manifest,
    status: () => {
      const shown = withRoles(withPaths(view.status(), transport), joined.entry)
      return figures.addTo({ ...shown, transfers: store.transfers(), bans: audits.status().bans })
    },
    whatIf: (change) => view.whatIf(change),
    audits: () => auditReport(audits.status()),
    searchDirectory: (signal) => figures.searchDirectory(signal),
    askMembers: (signal) => figures.askMembers(signal),
    engine: () => engine.get(),
    whenCovered: (signal) => view.whenCovered(signal),
    whenKnown: (signal) => view.whenKnown(signal),
    leave: () => scope.close(),
    close: () => scope.close(),
  }
}

const answerOptions = ({ spare, wire, replacementWaitMs }: ClientOptions) => ({
  spare,
  wire,
  replacementWaitMs,
})

/** Embedding and head of a peer. */
function thinVocabulary(
  { clock, logger }: SystemDependencies,
  { transport, manifest, reputation }: JoinedModel,
  membership: Membership,
): VocabularySource {
  const { config } = manifest.manifest
  const candidates = (): readonly VocabularyPeer[] =>
    vocabularyPeers(membership, transport, reputation.banned(), config.blockCount)
  return createRemoteVocabulary({ transport, clock, logger, config, candidates })
}

async function openDevice(
  { logger }: SystemDependencies,
  { manifest, store }: JoinedModel,
  { threads }: ClientOptions,
  scope: Scope,
): Promise<Device> {
  const device = await createDevice({ kind: 'onnx', manifest, folder: store.path, threads, logger })
  scope.onClose(() => device.close())
  return device
}
