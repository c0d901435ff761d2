/**
 * A home router that forwards ports when it is asked by NAT-PMP (RFC 6886), for layouts: it runs in the router's namespace
 * and changes the rules there. Arguments: its address of the internet.
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'

const external = process.argv[2] ?? ''
const controlPort = 5351
const mappings = new Map<number, string>()

/** A machine behind the router that dials the router's own address is led back in. */
const rules = (): string => {
  const each = (write: (port: number, place: string) => string): string =>
    [...mappings].map(([port, place]) => write(port, place)).join(' ')
  return `table ip mapped {
    chain in { type nat hook prerouting priority -100; ${each((port, place) => `ip daddr ${external} tcp dport ${port} dnat to ${place};`)} }
    chain hairpin { type nat hook postrouting priority 99; ${each((_port, place) => `ip saddr 192.168.1.0/24 ip daddr ${place.split(':')[0]} masquerade;`)} }
  }`
}

function apply(): void {
  execFileSync('nft', [`table ip mapped {}; delete table ip mapped; ${rules()}`])
  process.stdout.write(`${[...mappings.keys()].join()}\n`)
}

const socket = createSocket('udp4')
socket.on('message', (packet, from) => {
  const answer = (bytes: Buffer): void => socket.send(bytes, from.port, from.address)
  // It speaks no PCP, and says so in its own version.
  if (packet[0] !== 0) return answer(Buffer.from([0, 0x80 | (packet[1] ?? 0), 0, 1, 0, 0, 0, 1]))
  if (packet[1] === 0)
    return answer(Buffer.from([0, 0x80, 0, 0, 0, 0, 0, 1, ...external.split('.').map(Number)]))
  if (packet[1] !== 2 || packet.length < 12) return
  const [internal, wanted, seconds] = [packet.readUInt16BE(4), packet.readUInt16BE(6), packet.readUInt32BE(8)]
  const place = `${from.address}:${internal}`
  const port = wanted === 0 ? internal : wanted
  for (const [other, mapped] of mappings) if (mapped === place) mappings.delete(other)
  if (seconds > 0) mappings.set(port, place)
  apply()
  const granted = Buffer.alloc(16)
  granted.set([0, 0x82])
  granted.writeUInt16BE(internal, 8)
  granted.writeUInt16BE(seconds === 0 ? 0 : port, 10)
  granted.writeUInt32BE(seconds, 12)
  answer(granted)
})
socket.bind(controlPort, '192.168.1.1')
