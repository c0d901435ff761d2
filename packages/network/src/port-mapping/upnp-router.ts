import { messageOf, ShoalError, timeLimit, type Clock } from '@shoal/host'
import { limits } from '../limits.ts'
import type { Place } from './messages.ts'
import type { Grant, Router } from './router.ts'
import { callBody, elementIn, serviceIn, type Service } from './upnp-service.ts'

/** Errors of routers after which another port may be granted, or none. */
const errors = { conflict: '718', permanentOnly: '725' } as const

/** A router that is asked by UPnP (Internet Gateway Device, both versions). */
export class UpnpRouter implements Router {
  readonly protocol = 'upnp'
  readonly #service: Service
  readonly #clock: Clock

  private constructor(service: Service, clock: Clock) {
    this.#service = service
    this.#clock = clock
  }

  /** Reads a router's description. @returns null when it forwards no ports */
  static async at(location: URL, clock: Clock): Promise<UpnpRouter | null> {
    const { text } = await request(location, {}, clock)
    const service = serviceIn(text, location)
    return service === null ? null : new UpnpRouter(service, clock)
  }

  async map(place: Place, externalPort: number, lifetimeMs: number): Promise<Grant> {
    const ip = await this.address()
    if (ip === null) throw new ShoalError('no-capacity', 'the router has no address of the internet itself')
    for (let tried = 0; tried < limits.portsTried; tried += 1) {
      const port = 1024 + ((externalPort - 1024 + tried) % 64_512)
      const refused = await this.#add(place, port, lifetimeMs)
      if (refused === null) return { external: { ip, port }, lifetimeMs }
      if (refused.code === errors.permanentOnly)
        throw new ShoalError(
          'no-capacity',
          'the router forwards ports for ever only, which Shoal does not ask for',
        )
      if (refused.code !== errors.conflict)
        throw new ShoalError('no-capacity', `the router refuses: ${refused.why}`)
    }
    throw new ShoalError('no-capacity', 'the router forwards the ports to another machine already')
  }

  async unmap(_place: Place, { external }: Grant): Promise<void> {
    await this.#call('DeletePortMapping', [
      ['NewRemoteHost', ''],
      ['NewExternalPort', `${external.port}`],
      ['NewProtocol', 'TCP'],
    ])
  }

  async address(): Promise<string | null> {
    const { ok, text } = await this.#call('GetExternalIPAddress', [])
    const ip = ok ? elementIn(text, 'NewExternalIPAddress') : null
    return ip === null || !/^\d+(\.\d+){3}$/.test(ip) || ip === '0.0.0.0' ? null : ip
  }

  async #add(
    { ip, port }: Place,
    externalPort: number,
    lifetimeMs: number,
  ): Promise<{ readonly code: string; readonly why: string } | null> {
    const { ok, text } = await this.#call('AddPortMapping', [
      ['NewRemoteHost', ''],
      ['NewExternalPort', `${externalPort}`],
      ['NewProtocol', 'TCP'],
      ['NewInternalPort', `${port}`],
      ['NewInternalClient', ip],
      ['NewEnabled', '1'],
      ['NewPortMappingDescription', 'Shoal'],
      ['NewLeaseDuration', `${Math.round(lifetimeMs / 1000)}`],
    ])
    if (ok) return null
    const code = elementIn(text, 'errorCode') ?? 'without a code'
    return { code, why: `${elementIn(text, 'errorDescription') ?? 'error'} (${code})` }
  }

  #call(
    action: string,
    fields: readonly (readonly [string, string])[],
  ): Promise<{ readonly ok: boolean; readonly text: string }> {
    const { type, control } = this.#service
    const headers = { 'content-type': 'text/xml; charset="utf-8"', soapaction: `"${type}#${action}"` }
    return request(control, { method: 'POST', headers, body: callBody(type, action, fields) }, this.#clock)
  }
}

/** @throws {ShoalError} `no-capacity` when nothing comes in time, or too much */
async function request(
  url: URL,
  init: RequestInit,
  clock: Clock,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  const limit = timeLimit(
    clock,
    limits.routerAnswerMs,
    () => new ShoalError('deadline-passed', 'the router does not answer'),
  )
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal: limit.signal })
    return { ok: response.ok, text: await boundedText(response) }
  } catch (error) {
    throw error instanceof ShoalError
      ? error
      : new ShoalError('no-capacity', `the router at ${url.host} cannot be asked: ${messageOf(error)}`)
  } finally {
    limit.clear()
  }
}

async function boundedText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength
    if (bytes > limits.routerTextBytes) throw new Error('it says too much')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}
