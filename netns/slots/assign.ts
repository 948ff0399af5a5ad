// Hand-out: a ready slot becomes the sandbox of somebody. Two sends and the firewall's; no link is made.
import { enterNetwork, visitNetwork } from '../../linux/namespace.js';
import { makePersistentTap } from '../../linux/tuntap.js';
import type { Host } from '../host.js';
import { newRoute } from '../netlink/route.js';
import type { Request } from '../rtnl.js';
import type { AfterStep } from '../sandbox/base.js';
import { guardGuest } from '../sandbox/clone.js';
import { openFirewall } from '../sandbox/create.js';
import { addressRequest, routeRequest, settle } from '../sandbox/face.js';
import { layoutOf, without } from '../sandbox/layout.js';
import { applyBandwidth } from '../shaping/index.js';
import type { SandboxNetwork } from '../types.js';
import { isFree } from './held.js';

/**
 * False when the slot is not known to be ready. Throws SysError when something is not as a ready slot has it. In both
 * cases `createSandbox` does it, or what is left of it.
 */
export function assignSlot(
  host: Host,
  network: SandboxNetwork & { readonly netns: string },
  afterStep: AfterStep = () => {},
): boolean {
  const { hostLink, owner, mac, mtu, group, tap, bandwidth } = network;
  const slot = host.slots.get(network.netns);
  if (slot === undefined || slot.hostLink !== hostLink || !isFree(host, slot)) return false;
  slot.owner = owner;
  const rest = without(layoutOf(network), layoutOf({ ...network, address: null }));
  const requests: Request[] = [
    ...(slot.mac === mac ? [] : [settle({ index: slot.eth0 }, { mac }, 'eth0')]),
    ...rest.eth0.addresses.map((placed) => addressRequest(slot.eth0, 'eth0', placed)),
    ...rest.eth0.routes.map((way) => routeRequest(slot.eth0, way)),
  ];
  slot.mac = mac;
  // The owner comes before everything else: from here on a crash leaves a sandbox of this owner, not a slot. Links
  // inside keep the tag that they have; it proves nothing there.
  host.rtnl.transact([
    settle({ index: slot.hostIndex }, { alias: owner, group }, hostLink),
    ...rest.host.routes.map((way): Request => {
      const message = newRoute({ index: slot.hostIndex, ...way }, 'exclusive');
      return { message, op: 'RTM_NEWROUTE', path: `${way.destination}/${way.prefix}`, value: hostLink };
    }),
  ]);
  afterStep('owner');
  if (tap !== null && slot.tap !== null) {
    const index = slot.tap;
    requests.push(...rest.tap.routes.map((way) => routeRequest(index, way)));
    visitNetwork(
      host.home,
      () => enterNetwork(slot.inside.fd, network.netns),
      () => makePersistentTap(tap.name, tap),
    );
  }
  slot.inside.rtnl.transact(requests);
  afterStep('inside');
  guardGuest(host, slot.inside, network);
  afterStep('clone');
  applyBandwidth(host, { hostLink, owner, mtu, bandwidth }, { fresh: slot.hostIndex });
  afterStep('shaping');
  openFirewall(host, network, 'new');
  afterStep('firewall');
  return true;
}
