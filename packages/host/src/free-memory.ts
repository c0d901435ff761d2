/** Smaller buffers are left to the garbage collector: the call costs a quarter of a microsecond. */
const worthBytes = 4096

/**
 * Frees an ArrayBuffer's memory at once. Every view of it is empty afterwards, so that a use after free throws or reads
 * nothing, and never computes with other data.
 *
 * V8's garbage collector does not know that ArrayBuffers are short-lived: it waits for 64 MiB of them, and then marks the
 * whole heap for 10 to 20 ms. Memory that is freed at once is also reused at once, while it is mapped and in the CPU's
 * caches (docs/log.md).
 *
 * @param buffer must have no other user, and must not be a pool that others share
 */
export function freeMemory(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= worthBytes) buffer.transfer(0)
}
