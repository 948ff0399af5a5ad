// The room as an agent sets it up: with its table, and with slots where a part wants them.
import { openNetworkRoom } from '../../../netns/index.js';
import type { NetworkRoom, OwnTags, RoomSettings, SlotSettings } from '../../../netns/types.js';
import { LINK_PREFIX, NETNS_PREFIX, OWNER_PREFIX } from './names.js';

export const TABLE = 'bench-berth';

const TAGS: OwnTags = {
  ...{ prefix: OWNER_PREFIX, namespace: `${OWNER_PREFIX}bench`, former: null },
  table: { owner: 'bench', instead: `${TABLE}-bench` },
  ...{ slot: `${TABLE}-slot`, bridge: `${TABLE}-bridge` },
};

export function settingsWith(slots: SlotSettings | null): RoomSettings {
  const prefixes = { linkPrefix: LINK_PREFIX, netnsPrefix: NETNS_PREFIX };
  return {
    table: TABLE,
    ...prefixes,
    masquerade: [],
    bridges: [],
    hostAccess: true,
    connectionRate: 1000,
    slots,
    tags: TAGS,
  };
}

/** Opens the room and sets it up for `body`; afterwards table and thread are gone. */
export async function withRoom<T>(slots: SlotSettings | null, body: (room: NetworkRoom) => Promise<T>): Promise<T> {
  const settings = settingsWith(slots);
  const room = openNetworkRoom();
  try {
    await room.setup(settings);
    return await body(room);
  } finally {
    await room.teardown(settings);
    await room.close();
  }
}
