/** What a peer can make this package read or keep, each with its reason. */
export const limits = {
  /** One frame of admission: four grants of 176 bytes and a gift of the same size, with room for later fields. */
  maxFrameBytes: 2048,
  /** One grant: 64 bytes of signature, three keys or ids, and four numbers are 176 bytes. */
  maxGrantBytes: 256,
  /** A command's own key, signed by a client, signed by a node, signed by an admin, signed by the root key. */
  maxChain: 4,
  /** Wall clocks of machines that set their own time are seconds off; those of badly kept ones hours. */
  clockErrorSeconds: 24 * 3600,
  /** A grant's usual term. A member that meets no admin for so long must be invited again. */
  grantSeconds: 30 * 24 * 3600,
  /** An admin's term. It is renewed on the machine that has the root key. */
  adminSeconds: 365 * 24 * 3600,
  /** One act of an admin: a grant, a key and a signature are 295 bytes; a name may have 192. */
  maxActBytes: 512,
  /** Acts of a swarm. Most of them revoke one peer: 295 KiB of such acts, and 512 KiB of the longest ones. */
  maxActs: 1024,
  /** Characters of a swarm's name: one line of a terminal. */
  maxNameCharacters: 64,
  /** An edit has one more than the edits that its author knew. */
  maxGeneration: 0xffff_ffff,
  /**
   * Secrets that a swarm accepts at once: the present one and three before it. Each is one more handshake that nodes
   * offer.
   */
  maxSecrets: 4,
  /**
   * A secret that was replaced is accepted as long as a grant lasts, so that a member that was away can come back with
   * its grant.
   */
  formerSecretSeconds: 30 * 24 * 3600,
  /** Bytes of a swarm's secret and of an invite's key: 128 bits cannot be guessed. */
  secretBytes: 16,
  swarmIdBytes: 16,
  serialBytes: 8,
  keyBytes: 32,
  signatureBytes: 64,
  /** Addresses of one family in an invite: a few interfaces, and a code that still fits a QR code that a camera reads. */
  maxInviteAddresses: 4,
  /** Longest text of an invite: eight addresses make 134 bytes, and so 230 characters. */
  maxInviteCharacters: 256,
  /** Invites that are open at once: each is one more handshake that nodes offer to newcomers. */
  maxOpenInvites: 64,
  /** Invites that are remembered, ended ones included, so that their use stays visible. */
  maxKnownInvites: 1024,
  /** Peers that one invite may admit. */
  maxInviteUses: 1000,
  /** Refused attempts that are remembered for one invite: the first ones show that its code has leaked. */
  maxInviteAttempts: 16,
  /** Longest term of an invite. */
  maxInviteSeconds: 365 * 24 * 3600,
  /** Wrong PINs that end a PIN: a guesser has three chances in a million, and a person may mistype twice. */
  maxWrongPins: 3,
  /** Usual term of a PIN, and the longest: both machines are in sight of each other. */
  pinSeconds: 5 * 60,
  maxPinSeconds: 15 * 60,
  /** Bytes of a nonce in a pairing. */
  nonceBytes: 16,
  /** A point of ristretto255, and a tag of HMAC-SHA-512. */
  pointBytes: 32,
  tagBytes: 64,
  /** Addresses of the member that answers, told to the newcomer, and the longest of them. */
  maxPairingAddresses: 8,
  maxAddressCharacters: 256,
  /** One frame of a pairing: a gift with the grants of its giver, a tag, and addresses. */
  maxPairingFrameBytes: 6144,
  /** Grants have whole seconds since 1970 in 32 bits, as the code of an invite has. */
  maxSeconds: 0xffff_ffff,
} as const
