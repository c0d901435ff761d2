import type { Layout } from './layout.ts'

/** The way that a pair of machines has to be connected. @param isCut see `Layout.cut` */
export function pathBetween(
  { relayed, punched = [] }: Layout,
  machines: readonly string[],
  isCut: boolean,
): 'direct' | 'punched' | 'relayed' {
  const joins = (pair: readonly string[]): boolean => machines.every((name) => pair.includes(name))
  if (relayed.some(joins)) return 'relayed'
  if (!punched.some(joins)) return 'direct'
  return isCut ? 'relayed' : 'punched'
}
