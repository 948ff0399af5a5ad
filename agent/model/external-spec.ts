// What driver external prepares.
import * as z from 'zod';
import { driverKind, hasLink } from './driver-kind.js';
import { plainPath } from './mounts-spec.js';
import { uid } from './process-spec.js';

/** As dev_valid_name in net/core/dev.c, without what a shell or a table would take for something else. */
export const LINK_NAME = /^(?!lo$)[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;

/** A network for what another runtime runs: whoever takes it away takes it from under a container. */
export function isAttachment({
  external,
}: {
  readonly external?: { readonly namespace?: unknown } | undefined;
}): boolean {
  return external?.namespace !== undefined;
}

export const externalSpec = z
  .strictObject({
    tap: z.boolean().default(false).meta({ description: 'a tap for a VMM instead of a plain namespace' }),
    at: z.enum(['netns', 'host']).default('netns').meta({
      description: 'netns: the tap is in the namespace; host: it is on the host, and there is no namespace',
    }),
    uid: uid.default(0).meta({ description: 'who may open the tap, besides root' }),
    multiQueue: z.boolean().default(false).meta({ description: 'several queues; the VMM must open the tap so, too' }),
    vsock: z.boolean().default(false).meta({
      description: 'a vsock id set aside for the guest of your VMM',
    }),
    vnetHeader: z.boolean().default(true).meta({ description: 'frames with a virtio-net header (offloads)' }),
    guestAddress: z
      .ipv4('must be an IPv4 address')
      .optional()
      .meta({ description: 'what the guest of a snapshot takes for its address; translated in the namespace' }),
    namespace: plainPath.optional().meta({
      description: 'network namespace of another runtime, such as /run/netns/x, instead of one that berth makes',
    }),
    inode: z
      .number()
      .int()
      .min(1)
      .optional()
      .meta({ description: 'of that namespace; berth refuses the start if the path has another one' }),
    interface: z
      .string()
      .regex(LINK_NAME, 'must be 1-15 of [A-Za-z0-9_.-], beginning with a letter or digit, and not lo')
      .optional()
      .meta({ description: 'name of the link in that namespace; default: eth0' }),
  })
  .superRefine((external, ctx) => {
    const { tap, at, guestAddress, namespace } = external;
    const say = (path: string, message: string): void => ctx.addIssue({ code: 'custom', path: [path], message });
    if (tap && namespace !== undefined) say('namespace', 'does not go with "tap": true');
    for (const field of ['inode', 'interface'] as const)
      if (external[field] !== undefined && namespace === undefined) say(field, 'goes with a namespace only');
    if (!tap && at === 'host') say('at', 'goes with "tap": true');
    if (!tap && guestAddress !== undefined) say('guestAddress', 'goes with "tap": true');
    if (at === 'host' && guestAddress !== undefined) say('guestAddress', 'goes with a tap in a namespace only');
  });

export const externalKind = driverKind({
  section: externalSpec,
  example: { id: 'sandbox-1', driver: 'external', resources: { memory: { limit: '1Gi' } }, external: { tap: true } },
  describe: () => '',
  alike: ({ tap, at }) => [tap, at],
  unfit: ({ tap, namespace }, beside) => {
    if (hasLink(beside)) return [];
    const problem = `does not go with network.mode "${beside.network.mode}"`;
    return [
      ...(tap ? [{ field: 'external.tap', problem }] : []),
      ...(namespace === undefined ? [] : [{ field: 'external.namespace', problem }]),
    ];
  },
});
