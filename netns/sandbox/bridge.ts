// Bridges: ours are made at setup and carry our tag; an administrator's is used as it is.

import { constants } from 'node:os';
import { defined } from '../../linux/defined.js';
import { SysError } from '../../linux/errors.js';
import type { Host } from '../host.js';
import { deleteVlans, newBridge, setAccessVlan, setPort } from '../netlink/bridge.js';
import { deleteLink, type Link, setLink } from '../netlink/link.js';
import type { Request } from '../rtnl.js';
import { disableIpv6, enableIpv6 } from '../sysctl.js';
import type { Bridge, BridgePort, OwnTags, RoomSettings } from '../types.js';
import { addressRequest, settle } from './face.js';

const VLANS = { first: 1, last: 4094 } as const;
const { EXFULL = 54 } = constants.errno as Record<string, number>;
const { ENODEV, EOPNOTSUPP } = constants.errno;
const NO_FILTERING = 'the kernel has no VLANs of bridges (CONFIG_BRIDGE_VLAN_FILTERING)';

/** Removes bridges that `provideBridge` made, whatever ports they still have. */
export function removeBridges(host: Host, settings: RoomSettings): void {
  for (const { name } of settings.bridges) {
    const link = host.rtnl.link({ name });
    if (link === undefined || !isOurs(link, settings.tags)) continue;
    host.rtnl.transact([{ message: deleteLink(link.index), op: 'RTM_DELLINK', path: name, tolerate: [ENODEV] }]);
  }
}

function isOurs({ alias }: Link, { bridge, former }: OwnTags): boolean {
  return alias !== undefined && (alias === bridge || alias === former?.bridge);
}

/** Makes and completes one bridge of the settings. Throws SysError; EEXIST when a link of another kind has the name. */
export function provideBridge(host: Host, { tags }: Pick<RoomSettings, 'tags'>, bridge: Bridge): void {
  const { name } = bridge;
  const existing = host.rtnl.link({ name });
  if (existing !== undefined && existing.kind !== 'bridge')
    throw notABridge(existing, 'RTM_NEWLINK', constants.errno.EEXIST);
  if (existing !== undefined && !isOurs(existing, tags)) return;
  const tag = tags.bridge;
  if (existing === undefined) {
    const requests: Request[] = [
      { message: newBridge(bridge), op: 'RTM_NEWLINK', path: name, value: 'bridge' },
      { message: setLink({ name, alias: tag }), op: 'RTM_SETLINK', path: name, value: tag },
    ];
    explained(() => host.rtnl.transact(requests), EOPNOTSUPP, NO_FILTERING);
  }
  const index = (existing ?? host.rtnl.link({ name }))?.index ?? 0;
  if (bridge.addresses.some((address) => address.includes(':'))) enableIpv6(host.procfs, name);
  else disableIpv6(host.procfs, name);
  host.rtnl.transact([
    settle({ index }, { alias: tag, up: true }, name),
    ...bridge.addresses.map((text) => {
      const [address = '', prefix = ''] = text.split('/');
      return addressRequest(index, name, { address, prefix: Number(prefix), scope: 'universe' });
    }),
  ]);
}

/** Makes the link a port of the bridge, isolated and in its VLAN as asked. Throws SysError. */
export function joinBridge(host: Host, link: Link, port: BridgePort, name: string): void {
  const bridge = host.rtnl.link({ name: port.bridge });
  if (bridge === undefined) throw new SysError('RTM_SETLINK', ENODEV, { path: name, value: `master ${port.bridge}` });
  if (bridge.kind !== 'bridge') throw notABridge(bridge, 'RTM_SETLINK', constants.errno.EINVAL);
  if (port.vlan !== null) refuseWithoutFiltering(bridge, port.vlan, name);
  if (link.master !== bridge.index) enslave(host, link, bridge, name);
  const { index } = link;
  const requests: Request[] = [
    { message: setPort({ index, isolated: port.isolated }), op: 'RTM_SETLINK', path: name, value: 'isolated' },
  ];
  if (port.vlan !== null) {
    const { vlan } = port;
    const value = `vlan ${vlan}`;
    requests.push({ message: setAccessVlan({ index, vlan }), op: 'RTM_SETLINK', path: name, value });
    // All others: the bridge's default one, whichever that is, and one that the port was in before.
    for (const [first, last] of [
      [VLANS.first, vlan - 1],
      [vlan + 1, VLANS.last],
    ] as const)
      if (first <= last)
        requests.push({ message: deleteVlans({ index, first, last }), op: 'RTM_DELLINK', path: name, value });
  }
  host.rtnl.transact(requests);
}

function notABridge({ name, kind }: Link, op: string, errno: number): SysError {
  return new SysError(op, errno, { path: name, note: `a link of kind ${kind ?? 'unknown'} has the name of a bridge` });
}

// A bridge that does not filter takes the VLANs of its ports and keeps nobody apart.
function refuseWithoutFiltering(bridge: Link, vlan: number, name: string): void {
  if (bridge.vlanFiltering === true) return;
  const hint = `set vlan_filtering of ${bridge.name} to keep VLANs apart`;
  const note = bridge.vlanFiltering === false ? hint : NO_FILTERING;
  throw new SysError('RTM_SETLINK', EOPNOTSUPP, { path: name, value: `vlan ${vlan}`, note });
}

function enslave(host: Host, link: Link, bridge: Link, name: string): void {
  const request = settle(link, { master: bridge.index }, name);
  explained(
    () => host.rtnl.transact([request]),
    EXFULL,
    `${bridge.name} has its 1,023 ports; use another or routed mode`,
  );
}

/** Adds what an errno means here. */
function explained(act: () => void, errno: number, note: string): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== errno) throw error;
    const { op, path, value } = error;
    throw new SysError(op, errno, {
      ...defined({ path, value }),
      note,
    });
  }
}
