/** The version that all protocol ids of this release carry. */
export const protocolVersion = 3

export const protocols = {
  /** Never changes its id, so that peers of any two versions can tell each other who they are. */
  hello: '/shoal/hello',
  session: `/shoal/session/${protocolVersion}`,
  members: `/shoal/members/${protocolVersion}`,
  blobs: `/shoal/blobs/${protocolVersion}`,
  group: `/shoal/group/${protocolVersion}`,
  /** Embedding and head for clients that hold neither. */
  vocabulary: `/shoal/vocabulary/${protocolVersion}`,
  audit: `/shoal/audit/${protocolVersion}`,
  charter: `/shoal/charter/${protocolVersion}`,
  /** At a door of its own, beside the swarm: pairing by PIN. */
  pair: `/shoal/pair/${protocolVersion}`,
  direct: `/shoal/direct/${protocolVersion}`,
  /** Whether a member can be dialled at one of its addresses. */
  dialBack: `/shoal/dial-back/${protocolVersion}`,
  /** A connection through both routers, in place of one through a relay. */
  punch: `/shoal/punch/${protocolVersion}`,
} as const
