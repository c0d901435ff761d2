/**
 * The `shoal` program: commands and an HTTP API, thin over `@shoal/swarm`.
 *
 * The command line is `bin/shoal.js`. Another program can embed the API as a fetch function:
 *
 * @example
 * const service = createLoadingService()
 * const app = createApi({ clock, random, logger, service }, { keys: [], loopback: true })
 * const server = await listen(app, '127.0.0.1', 8090, logger)
 * service.ready({ engine, status: () => null })
 */
export { createApi, type ApiDependencies, type ApiOptions } from './api/app.ts'
export { listen, type ApiServer } from './api/server.ts'
export { createLoadingService, type LoadingService, type Service } from './api/service.ts'
export { runProgram, type ProgramOutput } from './cli/program.ts'
