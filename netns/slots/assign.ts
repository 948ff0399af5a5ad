// Hand-out: a ready slot becomes the sandbox of somebody. Two sends and the firewall's; no link is made.

import { enterNetwork, visitNetwork } from '../../linux/namespace.js';
import { makePersistentTap } from '../../linux/tuntap.js';
import type { Host } from '../host.js';
import { newRoute } from '../netlink/route.js';
import type { Request } from '../rtnl.js';
import { translateGuest } from '../sandbox/clone.js';
import { openFirewall } from '../sandbox/create.js';
import { addressRequest, routeRequest, settle } from '../sandbox/face.js';
import { layoutOf, without } from '../sandbox/layout.js';
import { applyBandwidth } from '../shaping/index.js';
import type { SandboxNetwork } from '../types.js';

/**
 * False when the slot is not known to be ready. Throws SysError when something is not as a ready slot has it. In both
 * cases `createSandbox` does it, or what is left of it.
 */
export function assignSlot(host: Host, network: SandboxNetwork & { readonly netns: string }): boolean {
  const { hostLink, owner, mac, mtu, group, tap, bandwidth } = network;
  const slot = host.slots.get(network.netns);
  if (slot?.free !== true || slot.hostLink !== hostLink) return false;
  slot.free = false;
  const rest = without(layoutOf(network), layoutOf({ ...network, address: null }));
  const requests: Request[] = [
    settle({ index: slot.eth0 }, { alias: owner, mac }, 'eth0'),
    ...rest.eth0.addresses.map((placed) => addressRequest(slot.eth0, 'eth0', placed)),
    ...rest.eth0.routes.map((way) => routeRequest(slot.eth0, way)),
  ];
  // The owner comes before everything else: from here on a crash leaves a sandbox of this owner, not a slot.
  host.rtnl.transact([settle({ index: slot.hostIndex }, { alias: owner, group }, hostLink)]);
  if (tap !== null && slot.tap !== null) {
    const index = slot.tap;
    requests.push(settle({ index }, { alias: owner }, tap.name));
    requests.push(...rest.tap.routes.map((way) => routeRequest(index, way)));
    visitNetwork(
      host.home,
      () => enterNetwork(slot.inside.fd, network.netns),
      () => makePersistentTap(tap.name, tap),
    );
  }
  slot.inside.rtnl.transact(requests);
  translateGuest(host, slot.inside, network);
  applyBandwidth(host, { hostLink, owner, mtu, bandwidth }, { fresh: slot.hostIndex });
  host.rtnl.transact(
    rest.host.routes.map((way): Request => {
      const message = newRoute({ index: slot.hostIndex, ...way }, 'exclusive');
      return { message, op: 'RTM_NEWROUTE', path: `${way.destination}/${way.prefix}`, value: hostLink };
    }),
  );
  openFirewall(host, network, undefined);
  return true;
}
