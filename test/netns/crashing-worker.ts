// The room's worker with two ways to die in the middle of a call: statistics for the prefix `crash` or `exit`.
import { parentPort } from 'node:worker_threads';
import { NamespaceLostError } from '../../linux/namespace.js';
import { openHost } from '../../netns/host.js';
import type { Link } from '../../netns/netlink/link.js';
import { Rtnl } from '../../netns/rtnl.js';
import { serve } from '../../netns/serve.js';

class Mortal extends Rtnl {
  override links(keep: (link: Link) => boolean, options: { readonly counters: boolean }): Link[] {
    const [any] = super.links(() => true, options);
    if (any !== undefined && keep({ ...any, name: 'crash' })) throw new NamespaceLostError(new Error('on purpose'));
    if (any !== undefined && keep({ ...any, name: 'exit' })) process.exit(3);
    return super.links(keep, options);
  }
}

if (parentPort !== null) serve(parentPort, { ...openHost(), rtnl: new Mortal() });
