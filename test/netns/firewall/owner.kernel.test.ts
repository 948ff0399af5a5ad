// Tables of another installation with the name of ours: nothing of them is changed or deleted, and they are told of.
import test from 'ava';
import { applyEntries, setupFirewall } from '../../../netns/firewall/index.js';
import { openNetworkRoom } from '../../../netns/index.js';
import type { RoomSettings } from '../../../netns/types.js';
import { command, tagsOf } from '../lab.js';
import { Lab } from './lab.js';

const lab = await Lab.open(9);
const room = openNetworkRoom({ onCrash: () => undefined });
const { table } = lab.settings;
const ours = settingsOf('ours');
const theirs = settingsOf('theirs');
const bridges = [{ name: 'br9', addresses: ['10.99.0.1/24'], vlanFiltering: false }];

/** `former`: what earlier versions made counts as ours. */
function settingsOf(owner: string, former = false): RoomSettings {
  const tags = tagsOf(`berth-test:${owner}`);
  return {
    ...lab.settings,
    tags: { ...tags, former: former ? { slot: 'former-slot', bridge: 'former-bridge' } : null },
  };
}

const tables = async () =>
  (await command('/usr/sbin/nft list tables'))
    .split('\n')
    .filter((line) => line !== '')
    .sort();

/** Without what the kernel itself counts there: packets of any link pass by. */
async function contents(family: string): Promise<string> {
  const text = await command(`/usr/sbin/nft -s -a list table ${family} ${table}`);
  return text.replace(/set (?:dropped_\w+|offered|passed) \{[^}]*?(?:elements = \{[^}]*\})?[^}]*\}/g, '');
}

test.before(() => setupFirewall(lab.host, { ...theirs, bridges }));
test.after.always(async () => {
  await room.close();
  await lab.close();
});

test.serial('setup, sandboxes, sweep and teardown leave them as they are, and have tables of their own', async (t) => {
  applyEntries(lab.host, table, { add: [lab.names.sandbox(1)], remove: [] });
  const before = [await contents('inet'), await contents('bridge')];
  t.true(before[0]?.includes(lab.names.sandbox(1).address), before[0]);
  const same = async () => t.deepEqual([await contents('inet'), await contents('bridge')], before);
  const { instead } = ours.tags.table;
  const mine = lab.names.sandbox(2);
  for (let life = 0; life < 2; life++) {
    await room.setup(ours);
    t.deepEqual(await tables(), [`table bridge ${table}`, `table inet ${instead}`, `table inet ${table}`]);
    await room.create(mine);
    await same();
  }
  t.true((await command(`/usr/sbin/nft list table inet ${instead}`)).includes(mine.address));
  t.deepEqual(await room.audit([mine]), []);
  t.is(await room.sweep([mine]), 0, 'their elements are none of ours');
  await same();
  const { owner: other } = theirs.tags.table;
  t.deepEqual(
    (await room.interference()).foreign.toSorted((a, b) => (a.table < b.table ? -1 : 1)),
    [
      { table: `bridge ${table}`, owner: other },
      { table: `inet ${table}`, owner: other },
    ],
  );
  const { netns, hostLink, owner } = mine;
  await room.remove({ netns, hostLink, owner, network: mine, recycle: false });
  await room.teardown(ours);
  t.deepEqual(await tables(), [`table bridge ${table}`, `table inet ${table}`]);
  await same();
});

test.serial('a name that is free again is ours, and what we had instead goes', async (t) => {
  await room.setup(ours);
  await command(`/usr/sbin/nft delete table inet ${table}`);
  await command(`/usr/sbin/nft delete table bridge ${table}`);
  await room.setup(ours);
  t.deepEqual(await tables(), [`table inet ${table}`]);
  t.deepEqual((await room.interference()).foreign, []);
  await room.teardown(ours);
  t.deepEqual(await tables(), []);
});

test.serial(
  'one without an owner is taken over in place, where it can only be ours, and left alone where not',
  async (t) => {
    setupFirewall(lab.host, ours);
    await command(`/usr/sbin/nft delete chain inet ${table} owner_${ours.tags.table.owner}`);
    applyEntries(lab.host, table, { add: [lab.names.sandbox(1)], remove: [] });
    const before = await command(`/usr/sbin/nft -s -a list table inet ${table}`);
    await room.setup(ours);
    t.is(await command(`/usr/sbin/nft -s -a list table inet ${table}`), before);
    t.deepEqual((await room.interference()).foreign, [{ table: `inet ${table}`, owner: null }]);
    await room.setup(settingsOf('ours', true));
    const after = await command(`/usr/sbin/nft -s -a list table inet ${table}`);
    const handle = /^table .* # handle \d+$/m;
    t.is(handle.exec(after)?.[0], handle.exec(before)?.[0], 'the same table');
    t.true(after.includes(`chain owner_${ours.tags.table.owner} `));
    t.true(after.includes(lab.names.sandbox(1).address));
    await room.setup(ours);
    t.deepEqual(await tables(), [`table inet ${table}`], 'it is ours from then on');
    await room.teardown(ours);
  },
);

for (const family of ['inet', 'bridge'])
  test.serial(`a table ${family} of another program with this name stays as it is, to the last rule`, async (t) => {
    await command(`/usr/sbin/nft delete table inet ${table}`).catch(() => undefined);
    await command(`/usr/sbin/nft add table ${family} ${table}`);
    t.teardown(() => command(`/usr/sbin/nft delete table ${family} ${table}`));
    const contents = () => command(`/usr/sbin/nft -s -a list table ${family} ${table}`);
    // Also with nothing in it: its owner may be about to fill it.
    for (const rules of [[], ['input', 'forward']]) {
      for (const chain of rules) {
        const hook = `{ type filter hook ${chain} priority 0; policy accept; }`;
        await command(`/usr/sbin/nft add chain ${family} ${table} ${chain} ${hook}`);
        await command(`/usr/sbin/nft add rule ${family} ${table} ${chain} counter drop`);
      }
      const before = await contents();
      const settings = settingsOf('ours', true);
      await room.setup(settings);
      await room.setup(settings);
      t.is(await contents(), before);
      t.true((await tables()).includes(`table inet ${settings.tags.table.instead}`));
      await room.teardown(settings);
      t.is(await contents(), before);
      t.deepEqual(await tables(), [`table ${family} ${table}`]);
    }
  });
