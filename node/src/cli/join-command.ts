const isLocal = (address: string): boolean => /^\/(ip4\/127\.|ip6\/::1\/)/.test(address)

/** The command with which another machine joins; null for a node that only its own machine reaches. */
export function joinCommand(addresses: readonly string[]): string | null {
  const far = addresses.find((address) => !isLocal(address))
  return far === undefined ? null : `npx shoal up --join ${far}`
}

/**
 * The command with which another terminal of the same machine joins. A data directory serves one node.
 * @param dataFolder of the node that runs; null when it is not the one that commands use by default
 */
export function localJoinCommand(addresses: readonly string[], dataFolder: string | null): string {
  const address = addresses.find(isLocal) ?? addresses[0]
  if (address === undefined) return '(this node has no address that others could dial)'
  return `npx shoal up --join ${address}${dataFolder === null ? '' : ` --data ${quotedWord(`${dataFolder}-2`)}`}`
}

const quotedWord = (word: string): string => (/^[\w./:\\-]+$/.test(word) ? word : `"${word}"`)
