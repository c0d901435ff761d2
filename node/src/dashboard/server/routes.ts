import type { Hono } from 'hono'
import type { Clock, Logger } from '@shoal/host'
import { ApiError } from '../../api/errors.ts'
import { statusWithoutSwarm } from '../../api/models.ts'
import type { Service } from '../../api/service.ts'
import { pageFile } from './page-files.ts'
import { createSwarmWatch, type Look } from './swarm-watch.ts'

export interface DashboardDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly service: Service
}

/** The page, its files, and the events that it shows. What needs the API's key is below `/swarm`. */
export function addDashboard(app: Hono, dependencies: DashboardDependencies): void {
  const { service } = dependencies
  const watch = createSwarmWatch(dependencies, () => lookAt(service))
  app.get('/', () => fileOr404('index.html'))
  app.get('/dashboard/*', ({ req }) => fileOr404(req.path.slice('/dashboard/'.length)))
  app.get(
    '/swarm/events',
    () =>
      new Response(watch.open(), {
        headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
      }),
  )
}

function fileOr404(name: string): Response {
  const file = pageFile(name)
  if (file === null) throw new ApiError(404, 'the dashboard has no such file', { code: 'unknown_url' })
  return file
}

/** What a page shows that changes by itself. Until the model is loaded there is only the progress of that. */
function lookAt(service: Service): Look {
  const engine = service.engine()
  return {
    progress:
      engine === null ? (service.progress() ?? { activity: 'start', doneBytes: 0, totalBytes: 0 }) : null,
    status: service.status() ?? (engine === null ? null : statusWithoutSwarm(engine)),
    answers: engine?.answers() ?? [],
  }
}
