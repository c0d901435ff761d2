/** The version of the protocols that have no version of their own. */
export const protocolVersion = 1
/** Version 1 exchanged one document that all peers wrote. */
const membersVersion = 2

export const protocols = {
  /** Never changes its id, so that peers of any two versions can tell each other who they are. */
  hello: '/shoal/hello',
  session: `/shoal/session/${protocolVersion}`,
  members: `/shoal/members/${membersVersion}`,
  blobs: `/shoal/blobs/${protocolVersion}`,
  group: `/shoal/group/${protocolVersion}`,
  audit: `/shoal/audit/${protocolVersion}`,
  direct: `/shoal/direct/${protocolVersion}`,
} as const
