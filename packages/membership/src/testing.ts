/** Shared by this package's tests and by `sim`: a world in virtual time, and words without a network. */
export { createWorld, swarmName, type Inhabitant, type World } from './testing/world.ts'
export { readStatement, sealStatement } from './cell/statement.ts'
export { OwnWords } from './own/own-words.ts'
export { decodeHardware } from './records/hardware-record.ts'
export { recordOfValues, valuesOfRecord } from './records/record.ts'
export { OwnerDocument } from './words/document/owner-document.ts'
export { clientOf, readWord, sealWord, type Word } from './words/word.ts'
export { WordStore } from './words/word-store.ts'
