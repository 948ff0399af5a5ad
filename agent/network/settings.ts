// From the configuration to what the network room sets up once for all workloads.
import { parseCidr } from '../../netns/addresses/cidr.js';
import type { OwnLinks } from '../../netns/addresses/conflict.js';
import type { RoomSettings, SlotSettings } from '../../netns/types.js';
import type { Config } from '../config/schema.js';
import { type Installation, NETNS_PREFIX, roomTags, SLOT_PREFIX } from '../model/tags.js';

/** `takesFormer`: what earlier versions tagged can only be ours. */
export function roomSettings(config: Config['network'], installation: string, takesFormer: boolean): RoomSettings {
  const bridges = Object.entries(config.bridge);
  const own = bridges.filter(([, { addresses }]) => addresses.length > 0);
  return {
    table: config.table,
    linkPrefix: config.link_prefix,
    netnsPrefix: NETNS_PREFIX,
    // Behind somebody else's bridge workloads are hosts of its network, with addresses that it knows.
    masquerade: [config.pool, config.pool6, ...own.flatMap(([, { pool, pool6 }]) => [pool, pool6])].filter(isPrivate),
    bridges: bridges.map(([name, { addresses, vlan }]) => ({ name, addresses, vlanFiltering: vlan !== undefined })),
    hostAccess: config.host_access,
    connectionRate: config.connection_rate,
    slots: slotSettings(config),
    tags: roomTags(installation, config.table, takesFormer),
  };
}

/** What earlier versions tagged is ours where no other installation is known. */
export function ownSettings(config: Config['network'], { id, others }: Installation): RoomSettings {
  return roomSettings(config, id, others().length === 0);
}

/** A microVM host has few of the other kind: a quarter of the slots have a tap. */
function slotSettings({ slots, mtu }: Config['network']): SlotSettings | null {
  if (slots === 0) return null;
  const tap = Math.ceil(slots / 4);
  return { veth: slots - tap, tap, mtu, netnsPrefix: SLOT_PREFIX };
}

export function ownLinks(config: Config['network']): OwnLinks {
  return { linkPrefix: config.link_prefix, links: Object.keys(config.bridge) };
}

/** fc00::/7 (RFC 4193): all but these can be routed to the host as they are, and are meant to be. */
const UNIQUE_LOCAL = 0xfcn >> 1n;

function isPrivate(pool: string): boolean {
  if (pool === '') return false;
  const { family, first } = parseCidr(pool);
  return family === 4 || first >> 121n === UNIQUE_LOCAL;
}
