import { limits } from '@shoal/protocol'
import type { RouteStage } from '../../../route/types.ts'
import type { ActiveRoute } from '../../active-route.ts'

/** The stages of a session's route that have said that they leave, until they are no longer on it. */
export class LeavingStages {
  readonly #route: Pick<ActiveRoute, 'route'>
  readonly #stages = new Set<RouteStage>()
  /** Stages that announced leaving before the route was open, keyed `peer/firstBlock`. */
  readonly #announced = new Set<string>()

  constructor(route: Pick<ActiveRoute, 'route'>) {
    this.#route = route
  }

  announced(peer: string, start: number): void {
    if (this.#announced.size < limits.maxStages) this.#announced.add(`${peer}/${start}`)
  }

  /** The leaving stages that are on the route now. */
  list(): readonly RouteStage[] {
    const { route } = this.#route
    for (const stage of route)
      if (this.#announced.delete(`${stage.peer}/${stage.range.start}`)) this.#stages.add(stage)
    for (const stage of this.#stages) if (!route.includes(stage)) this.#stages.delete(stage)
    return [...this.#stages]
  }
}
