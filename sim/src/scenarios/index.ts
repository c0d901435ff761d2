import { chaosScenarios } from './chaos.ts'
import { crowdScenario } from './crowd.ts'
import { draftsScenario } from './drafts.ts'
import { memberFaults } from './faults-of-members.ts'
import { planFaults } from './faults-of-plans.ts'
import { stageFaults } from './faults-of-stages.ts'
import { groupsScenario } from './groups.ts'
import { largeScenario } from './large.ts'
import { prefixScenarios } from './shared-prefixes.ts'
import type { Scenario } from './scenario.ts'
import { tightScenario } from './tight-chaos.ts'
import { tightLosses } from './tight-losses.ts'
import { topologyScenarios } from './topology.ts'
import { wrongNumbersScenario } from './wrong-numbers.ts'

/** Everything that `shoal sim` can play, by name. */
export const scenarios: readonly Scenario[] = [
  ...topologyScenarios,
  crowdScenario,
  largeScenario,
  groupsScenario,
  ...stageFaults,
  ...memberFaults,
  ...planFaults,
  ...prefixScenarios,
  draftsScenario,
  ...tightLosses,
  tightScenario,
  wrongNumbersScenario,
  ...chaosScenarios,
]
