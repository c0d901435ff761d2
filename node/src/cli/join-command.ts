/** The command with which another machine joins. Loopback addresses, which only this machine reaches, come last. */
export function joinCommand(addresses: readonly string[]): string {
  const local = (address: string): boolean => /^\/(ip4\/127\.|ip6\/::1\/)/.test(address)
  const best = addresses.find((address) => !local(address)) ?? addresses[0]
  return best === undefined
    ? '(this node has no address that others could dial)'
    : `npx shoal up --join ${best}`
}
