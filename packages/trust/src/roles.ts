/** What a member may do, from least to most. Each role may do what those before it may. */
export const roles = ['client', 'node', 'admin'] as const
export type Role = (typeof roles)[number]

export const isRole = (value: unknown): value is Role => roles.some((role) => role === value)

/** Whether `held` allows what `wanted` allows. */
export function includesRole(held: Role, wanted: Role): boolean {
  return roles.indexOf(held) >= roles.indexOf(wanted)
}

/**
 * Whether the holder of `issuer` may sign a grant for `role`. Every member may sign a client, such as the commands that
 * run beside a node under a key of their own: it could as well lend them its own key.
 */
export function maySign(issuer: Role | 'root', role: Role): boolean {
  if (issuer === 'root') return true
  return role === 'client' || (issuer === 'admin' && role === 'node')
}
