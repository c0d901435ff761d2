import type { BlockRunner, Device, HeadRunner } from '../block-runner.ts'

/**
 * What a decorated object says for itself: some members of the interface, each of which replaces the target's, and all
 * members that the decorated type has beyond the interface.
 */
export type Members<Interface, Decorated extends Interface> = Partial<Interface> &
  Omit<Decorated, keyof Interface>

/**
 * A runner with some members replaced. Every other member is looked up at the target when it is used, so getters such as
 * the costs of a group's runner stay live, and members that the interface gains later need no change here.
 *
 * The decorated runner is another object than its target: code that keeps runners in sets or maps must keep the one that
 * it hands out.
 *
 * @param members called with the decorated runner as `this`; the target's own functions are too
 */
export function decorateRunner<Decorated extends BlockRunner>(
  runner: Decorated,
  members: Partial<BlockRunner>,
): Decorated {
  return delegate(runner, members) as Decorated
}

/** As {@link decorateRunner}, for the head of a model. */
export function decorateHead(head: HeadRunner, members: Partial<HeadRunner>): HeadRunner {
  return delegate(head, members) as HeadRunner
}

/**
 * As {@link decorateRunner}, for a device. Its numeric class may become `none` while blocks are loaded, which the
 * decorated device reports too.
 */
export function decorateDevice<Decorated extends Device = Device>(
  device: Device,
  members: Members<Device, Decorated>,
): Decorated {
  return delegate(device, members) as Decorated
}

/** A device whose runners, of whole blocks and of ranks, are all wrapped. */
export function decorateRunners(device: Device, wrap: (runner: BlockRunner) => BlockRunner): Device {
  return decorateDevice(device, {
    loadBlocks: async (range, options) => wrap(await device.loadBlocks(range, options)),
    loadRank: async (range, options) => wrap(await device.loadRank(range, options)),
  })
}

/** Delegation by prototype. Copying descriptors instead of values keeps the getters among `members`. */
function delegate(target: object, members: object): object {
  return Object.create(target, Object.getOwnPropertyDescriptors(members)) as object
}
