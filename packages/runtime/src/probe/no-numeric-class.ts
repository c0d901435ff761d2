/**
 * The class of a device that promises nothing: its bits depend on how rows are grouped or on how many threads compute.
 * Two peers of class `none` are not of one class.
 */
export const noNumericClass = 'none'
