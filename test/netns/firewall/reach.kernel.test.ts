// Who reaches a workload, in packets: everybody against every port, by both protocols and families, while what is open changes.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { auditEntries, readDrops } from '../../../netns/firewall/index.js';
import { runNft } from '../../../netns/firewall/nft.js';
import { removeSandboxes } from '../../../netns/removal.js';
import { createSandbox, updateSandbox } from '../../../netns/sandbox/create.js';
import type { DropReason, Firewall } from '../../../netns/types.js';
import { command, type NamedNetwork } from '../lab.js';
import { Lab, NET } from './lab.js';
import { type Peer, Peers } from './peers.js';

/** As in connections.kernel.test.ts. */
const PATIENCE_MS = 8000;
const SILENCE_MS = 400;
const GUEST = 80;
const ELSEWHERE = ['192.0.2.0/24', '2001:db8:9::/48'];
const NEIGHBOUR = [`${NET.outside}/32`, `${NET.outside6}/128`];

const FORMER_TABLE = fileURLToPath(
  new URL('../../../../test/netns/firewall/fixtures/inet-e3ea8f3698649e4e.nft', import.meta.url),
);

type Who = 'neighbour' | 'group' | 'others' | 'itself' | 'host';
type What = 'unpublished' | 'published' | 'for the neighbour' | 'for others';
type Reachable = Firewall['reachable'];

const HOST_PORT = { published: 5401, 'for the neighbour': 5402, 'for others': 5403 } as const;
const PORTS = (['tcp', 'udp'] as const).flatMap((protocol) => [
  { protocol, host: HOST_PORT.published, guest: GUEST },
  { protocol, host: HOST_PORT['for the neighbour'], guest: GUEST, from: NEIGHBOUR },
  { protocol, host: HOST_PORT['for others'], guest: GUEST, from: ELSEWHERE },
]);

const lab = await Lab.open(13);
const peers = new Peers();
const made: NamedNetwork[] = [];
let nextFrom = 6000;

test.before(async () => {
  lab.setup();
  lab.host.settings = lab.settings;
  await peers.serve(lab.outsideNetns, 'outside', GUEST);
});

test.after.always(async () => {
  const removals = made.map((network) => {
    const { netns, hostLink, owner } = network;
    return { netns, hostLink, owner, network, recycle: false, patient: false };
  });
  for (const { error } of removeSandboxes(lab.host, removals)) if (error !== undefined) throw error;
  await peers.end();
  await lab.close();
});

function create(group: number, firewall: Partial<Firewall> = {}, over: Partial<NamedNetwork> = {}): NamedNetwork {
  const number = made.length + 1;
  const plain = lab.names.sandbox(number);
  const address6 = `fd00:99::${number}`;
  const network = { ...plain, address6, group, ...over, firewall: { ...plain.firewall, ...firewall } };
  createSandbox(lab.host, network);
  made.push(network);
  return network;
}

function change(from: NamedNetwork, firewall: Partial<Firewall>): NamedNetwork {
  const to = { ...from, firewall: { ...from.firewall, ...firewall } };
  updateSandbox(lab.host, from, to);
  made.splice(made.indexOf(from), 1, to);
  return to;
}

function dropped({ hostLink }: NamedNetwork, reason: DropReason): number {
  return readDrops(lab.host, lab.settings.table).find(({ link }) => link === hostLink)?.packets[reason] ?? 0;
}

/** The table of the promises. */
function mayConnect(who: Who, what: What, reachable: Reachable): boolean {
  if (who === 'host' || what === 'published') return true;
  if (who === 'itself') return what !== 'unpublished' || reachable !== 'published';
  if (who === 'group' && reachable !== 'published') return true;
  if (who === 'neighbour') return what === 'for the neighbour' || (what === 'unpublished' && reachable === 'any');
  return false;
}

interface Flow {
  readonly name: string;
  readonly who: Who;
  readonly what: What;
  readonly protocol: 'tcp' | 'udp';
  ask(waitMs: number): Promise<string>;
}

function flowsTo(target: NamedNetwork, asking: Readonly<Record<Who, Peer>>): Flow[] {
  const flows: Flow[] = [];
  for (const [who, peer] of Object.entries(asking) as [Who, Peer][])
    for (const what of ['unpublished', ...Object.keys(HOST_PORT)] as What[])
      for (const family of [4, 6] as const)
        for (const protocol of ['tcp', 'udp'] as const) {
          // To its own address a workload does not leave its namespace.
          if (who === 'itself' && what === 'unpublished') continue;
          const [own, host] = family === 4 ? [target.address, NET.host] : [target.address6 ?? '', NET.host6];
          const to = what === 'unpublished' ? { address: own, port: GUEST } : { address: host, port: HOST_PORT[what] };
          const question = { ...to, protocol, from: nextFrom++ };
          const name = `${who}, ${what}, ${protocol}${family}`;
          flows.push({ name, who, what, protocol, ask: (waitMs) => peer.ask({ ...question, waitMs }) });
        }
  return flows;
}

test.serial('who reaches what, and who no longer does after a change', async (t) => {
  let target = create(21, { ports: PORTS, reachable: 'published' });
  const [same, other] = [create(21), create(22)];
  await peers.serve(target.netns, 'target', GUEST);
  const flows = flowsTo(target, {
    neighbour: peers.client(lab.outsideNetns),
    group: peers.client(same.netns),
    others: peers.client(other.netns),
    itself: peers.client(target.netns),
    host: peers.client(null),
  });
  const inside = peers.client(target.netns);
  const own = (['tcp', 'udp'] as const).flatMap((protocol) =>
    [NET.outside, NET.outside6].map((address) => ({ protocol, address, port: GUEST, from: nextFrom++ })),
  );
  const open = new Set<string>();
  for (const reachable of ['published', 'group', 'any', 'group', 'any', 'published'] as const) {
    target = change(target, { reachable });
    const expected = flows.map(({ name, who, what, protocol }) => {
      if (mayConnect(who, what, reachable)) return [name, 'target'];
      return [name, open.has(name) && protocol === 'tcp' ? 'ended' : 'silence'];
    });
    const answers = flows.map(async (flow) => {
      const may = mayConnect(flow.who, flow.what, reachable);
      return [flow.name, await flow.ask(may ? PATIENCE_MS : SILENCE_MS)];
    });
    t.deepEqual(Object.fromEntries(await Promise.all(answers)), Object.fromEntries(expected), reachable);
    for (const { name, who, what } of flows)
      if (mayConnect(who, what, reachable)) open.add(name);
      else open.delete(name);
    // A connection of its own outlives every change.
    for (const question of own) t.is(await inside.ask({ ...question, waitMs: PATIENCE_MS }), 'outside', reachable);
  }
  t.true(dropped(target, 'ingress') > 0);
  t.true(dropped(other, 'isolation') > 0);
  t.is(dropped(same, 'isolation'), 0);
});

test.serial('whom a published port is open to changes while it is in use', async (t) => {
  const port = (from: readonly string[] | undefined): Partial<Firewall> => ({
    ports: (['tcp', 'udp'] as const).map((protocol) => ({
      ...{ protocol, host: 5410, guest: GUEST },
      ...(from && { from }),
    })),
  });
  let target = create(23, port(undefined));
  await peers.serve(target.netns, 'target', GUEST);
  const neighbour = peers.client(lab.outsideNetns);
  const flows = (['tcp', 'udp'] as const).flatMap((protocol) =>
    [NET.host, NET.host6].map((address) => ({ protocol, address, port: 5410, from: nextFrom++ })),
  );
  const ask = (waitMs: number) => Promise.all(flows.map((flow) => neighbour.ask({ ...flow, waitMs })));
  t.deepEqual(await ask(PATIENCE_MS), Array(4).fill('target'));
  target = change(target, port(NEIGHBOUR));
  t.deepEqual(await ask(PATIENCE_MS), Array(4).fill('target'));
  target = change(target, port(ELSEWHERE));
  t.deepEqual(await ask(SILENCE_MS), ['ended', 'ended', 'silence', 'silence']);
  t.deepEqual(await ask(SILENCE_MS), Array(4).fill('silence'));
  // A list of one family is open to nobody of the other.
  target = change(target, port([`${NET.outside}/32`]));
  const fresh = (address: string, waitMs: number) =>
    neighbour.ask({ protocol: 'tcp', address, port: 5410, from: nextFrom++, waitMs });
  t.is(await fresh(NET.host, PATIENCE_MS), 'target');
  t.is(await fresh(NET.host6, SILENCE_MS), 'silence');
});

test.serial('a guest behind a tap of its namespace is reached by the same rules', async (t) => {
  const tap = { name: 'tap0', uid: 0, multiQueue: false, vnetHeader: true, guestAddress: null };
  const target = create(24, {}, { tap, address6: null });
  await peers.guest(target);
  const ping = (netns: string) => command(`ip netns exec ${netns} ping -c1 -W1 ${target.address}`);
  await command(`ping -c1 -W5 ${target.address}`);
  await t.throwsAsync(ping(lab.outsideNetns));
  t.true(dropped(target, 'ingress') > 0);
  await ping(create(24).netns);
  change(target, { reachable: 'any' });
  await ping(lab.outsideNetns);
});

test.serial('a table of the version before is changed in place: nothing is dropped meanwhile', async (t) => {
  const before = readFileSync(FORMER_TABLE, 'utf8').replaceAll(' berth ', ` ${lab.settings.table} `);
  runNft(`delete table inet ${lab.settings.table}\n${before.replaceAll('"bth*"', `"${lab.names.prefix}*"`)}`, 'former');
  // It has no place for what the sandboxes of other tests say.
  const [source, target] = [create(26), create(26)];
  const open = await lab.connection(source.netns, NET.outside, GUEST);
  await peers.serve(target.netns, 'target', GUEST);
  t.not(await lab.ask(lab.outsideNetns, 'tcp', target.address, GUEST), 'silence', 'what the version before let in');
  for (let round = 0; round < 2; round++) {
    lab.setup();
    t.deepEqual(auditEntries(lab.host, lab.settings.table, [source, target]).missing, []);
    t.true(await open.echo());
    t.not(await lab.ask(source.netns, 'tcp', target.address, GUEST), 'silence');
    t.is(await lab.ask(lab.outsideNetns, 'tcp', target.address, GUEST), 'silence');
  }
  open.end();
});

test.serial('a link of the host in the group of a workload is not one of its workloads', async (t) => {
  const target = create(25);
  await peers.serve(target.netns, 'target', GUEST);
  await command('ip link set up0 group 25');
  t.is(await lab.ask(lab.outsideNetns, 'tcp', target.address, GUEST), 'silence');
});
