import type { Hono } from 'hono'
import { z } from 'zod'
import { ApiError } from './errors.ts'
import type { ApiMetrics } from './metrics.ts'
import { jsonOf } from './json-body.ts'
import { parseBody } from './parse-body.ts'
import { checkModel, describeModel, statusWithoutSwarm } from './models.ts'
import { engineOf, type Service } from './service.ts'

/** Devices to add and members to take away: a plan for some more devices takes milliseconds. */
const changeRequest = z.strictObject({
  add: z
    .array(
      z.strictObject({
        memoryBytes: z.int().min(1),
        decodeMsPerBlock: z.number().gt(0).nullable().default(null),
      }),
    )
    .max(16)
    .default([]),
  remove: z.array(z.string().max(128)).max(1000).default([]),
})

/** What only shows something: health, metrics, the swarm, the models. */
export function addViews(app: Hono, metrics: ApiMetrics, service: Service): void {
  const health = (): Response => {
    const ready = service.engine() !== null
    const covered = service.status()?.covered ?? ready
    return Response.json(
      {
        status: !ready ? 'loading' : covered ? 'ok' : 'uncovered',
        progress: ready ? null : service.progress(),
      },
      { status: ready && covered ? 200 : 503 },
    )
  }
  // Front ends of vLLM and llama.cpp ask at `/health`.
  for (const path of ['/healthz', '/health']) app.get(path, health)
  app.get(
    '/metrics',
    async () => new Response(await metrics.text(), { headers: { 'content-type': metrics.contentType } }),
  )
  app.get('/swarm', () => {
    const engine = engineOf(service)
    return Response.json(service.status() ?? statusWithoutSwarm(engine))
  })
  app.post('/swarm/what-if', async (context) => {
    const change = parseBody(changeRequest, await jsonOf(context))
    const outlook = context.get('costs').during(() => service.whatIf(change))
    if (outlook === null) throw new ApiError(404, 'nothing is planned here: there is no swarm')
    return Response.json(outlook)
  })
  app.get('/audit', () => {
    const report = service.audits()
    if (report === null) throw new ApiError(404, 'nothing is audited here: there is no swarm')
    return Response.json(report)
  })
  app.get('/v1/models', () => Response.json({ object: 'list', data: [describeModel(engineOf(service))] }))
  app.get('/v1/models/:model{.+}', (context) => {
    const engine = engineOf(service)
    checkModel(engine, context.req.param('model'))
    return Response.json(describeModel(engine))
  })
}
