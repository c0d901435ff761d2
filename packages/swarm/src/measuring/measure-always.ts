import type { Clock, Logger } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import type { MemberHardware } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import { createLinkProber } from './link-prober.ts'
import type { LinkRates } from './link-rates.ts'
import { announceMeasurements } from './measured.ts'
import type { Member } from '../peer/member.ts'
import type { Scope } from '../scope.ts'
import type { StepSpeed } from './step-speed.ts'

export interface MeasureDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly transport: Transport
  readonly manifest: IdentifiedManifest
  readonly rates: LinkRates
  readonly steps: StepSpeed
  readonly member: Pick<Member, 'membership' | 'stageHost' | 'announced'>
}

/** Measures links and real steps while the node serves, and keeps its record, which announced `first`, up to date with them. */
export function measureAlways(dependencies: MeasureDependencies, first: MemberHardware, scope: Scope): void {
  const { membership, stageHost, announced } = dependencies.member
  const prober = createLinkProber({ ...dependencies, membership, busy: () => stageHost.sessions() > 0 })
  scope.onClose(() => prober.close())
  const kept = announceMeasurements(
    { ...dependencies, membership, recordFields: (hardware) => announced.measured(hardware) },
    first,
  )
  scope.onClose(() => kept.close())
}
