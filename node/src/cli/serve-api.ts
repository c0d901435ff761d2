import { UsageError } from './usage-error.ts'
import { isLoopbackName } from '../api/access.ts'
import { createApi } from '../api/app.ts'
import { readKeyFile, type ApiKey } from '../api/keys/api-key.ts'
import { tabUpgrades } from '../tabs/server/upgrade.ts'
import type { TabDesk } from '../tabs/server/tab-desk.ts'
import type { AccessRules } from '../api/access.ts'
import { listen, type ApiServer } from '../api/server.ts'
import type { Service } from '../api/service.ts'
import type { SwarmDependencies } from '../swarm-port.ts'
import type { ApiFlags } from './options.ts'
import type { HostPort } from './parse.ts'
import { readUserFile } from './user-file.ts'

/** Address of the API unless `--api` names one. Ollama uses port 11434, llama.cpp 8080, vLLM 8000. */
const defaultApi: HostPort = { host: '127.0.0.1', port: 8090 }

/** Refuses an API beyond loopback that has neither a key nor `--api-open`. @throws {UsageError} */
export function checkApiFlags(flags: ApiFlags): void {
  if (
    flags.api === undefined ||
    isLoopbackName(flags.api.host) ||
    (flags.apiKey?.length ?? 0) > 0 ||
    flags.apiKeys !== undefined ||
    flags.apiOpen === true
  )
    return
  throw new UsageError(
    `--api ${flags.api.host}:${flags.api.port} lets other machines in: add --api-key KEY, or --api-open to let everybody in`,
  )
}

export function serveApi(
  dependencies: SwarmDependencies,
  service: Service,
  flags: ApiFlags,
  tabs?: TabDesk,
): Promise<ApiServer> {
  const address = flags.api ?? defaultApi
  const rules: AccessRules = {
    keys: keysOf(flags),
    loopback: isLoopbackName(address.host),
    hosts: flags.apiHost ?? [],
    origins: flags.apiOrigins ?? [],
  }
  const app = createApi({ ...dependencies, service, tabs }, rules)
  const upgrades = tabs === undefined ? undefined : tabUpgrades(tabs, rules, dependencies.logger)
  return listen(app, address.host, address.port, dependencies.logger, upgrades)
}

/** The keys of the command line, and those of the file. @throws {ShoalError} `bad-request` for a wrong file */
function keysOf({ apiKey = [], apiKeys }: ApiFlags): ApiKey[] {
  return [
    ...apiKey.map((key) => ({ key })),
    ...(apiKeys === undefined ? [] : readKeyFile(readUserFile(apiKeys))),
  ]
}
