/**
 * The numeric class of a device whose bits depend on how rows are grouped or on how many threads compute. It is not a class
 * like the others: two peers that both have `none` do not compute the same bits.
 */
export const noNumericClass = 'none'
