import { networkInterfaces } from 'node:os'

/** Names of bridges that container and virtual machine programs make; each machine that has one has the same address there. */
const bridgeName = /^(docker|br-|virbr|podman|cni|lxc|lxdbr|vmnet|vboxnet|veth)|\(WSL|Default Switch/i

interface InterfaceEntry {
  readonly address: string
}

/** Addresses of bridges inside this machine. */
export function bridgeAddresses(
  interfaces: Readonly<Record<string, readonly InterfaceEntry[] | undefined>> = networkInterfaces(),
): ReadonlySet<string> {
  const bridges = Object.entries(interfaces).filter(([name]) => bridgeName.test(name))
  return new Set(bridges.flatMap(([, entries]) => (entries ?? []).map(({ address }) => address)))
}
