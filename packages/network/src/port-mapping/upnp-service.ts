/** What is read of the texts of routers with UPnP: they are small, and only single elements matter. */

/** Services that forward ports, the newest first. */
const types = [
  'urn:schemas-upnp-org:service:WANIPConnection:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
]

export interface Service {
  readonly type: string
  readonly control: URL
}

/** The text of the first element of a name. */
export const elementIn = (xml: string, name: string): string | null => {
  const found = new RegExp(`<(?:\\w+:)?${name}(?:\\s[^>]*)?>([^<]{0,1024})</`).exec(xml)?.[1]
  return found === undefined ? null : unescape(found.trim())
}

const unescape = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => characters[name] ?? '')
const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/**
 * The service of a router that forwards ports.
 * @param location of the description; the service must be at the same host
 */
export function serviceIn(description: string, location: URL): Service | null {
  const base = URL.parse(elementIn(description, 'URLBase') ?? '', location) ?? location
  const services = description.split('<service>').slice(1, 65)
  for (const type of types)
    for (const text of services) {
      if (elementIn(text, 'serviceType') !== type) continue
      const path = elementIn(text, 'controlURL')
      const control = path === null ? null : URL.parse(path, base)
      if (control?.hostname === location.hostname && control.protocol === 'http:') return { type, control }
    }
  return null
}

/** The body of a call (SOAP). */
export function callBody(
  type: string,
  action: string,
  fields: readonly (readonly [string, string])[],
): string {
  const inner = fields.map(([name, value]) => `<${name}>${escape(value)}</${name}>`).join('')
  return (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${type}">${inner}</u:${action}></s:Body></s:Envelope>`
  )
}
