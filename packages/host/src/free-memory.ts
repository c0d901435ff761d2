/** Less than this is left to the collector: the call costs a quarter of a microsecond. */
const worthBytes = 4096

/**
 * Gives memory back at once; every view of it is empty afterwards, so that a mistake is an error and no wrong number.
 *
 * The collector does not see that memory of ArrayBuffers is short-lived: it waits for 64 MiB of it and then marks the
 * whole heap, for 10 to 20 ms. And what is freed is what is allocated next: mapped, and in the caches (docs/log.md).
 *
 * @param buffer that nobody else needs: no part of a pool
 */
export function freeMemory(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= worthBytes) buffer.transfer(0)
}
