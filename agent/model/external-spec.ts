// What driver external prepares.
import * as z from 'zod';
import { uid } from './process-spec.js';

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
  })
  .superRefine((external, ctx) => {
    const { tap, at, guestAddress } = external;
    const say = (path: string, message: string): void => ctx.addIssue({ code: 'custom', path: [path], message });
    if (!tap && at === 'host') say('at', 'goes with "tap": true');
    if (!tap && guestAddress !== undefined) say('guestAddress', 'goes with "tap": true');
    if (at === 'host' && guestAddress !== undefined) say('guestAddress', 'goes with a tap in a namespace only');
  });
