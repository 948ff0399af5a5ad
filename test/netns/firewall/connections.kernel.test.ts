// What becomes of flows that were there before a change, in packets: a table of changes against flows of every kind (TCP and
// UDP, IPv4 and IPv6, from outside and from the host itself), all of them at once.
import test from 'ava';
import { removeSandboxes } from '../../../netns/removal.js';
import { createSandbox, updateSandbox } from '../../../netns/sandbox/create.js';
import type { Firewall } from '../../../netns/types.js';
import { command, type NamedNetwork } from '../lab.js';
import type { Question } from './flow.js';
import { Lab, NET } from './lab.js';
import { type Peer, Peers } from './peers.js';

/** What is meant to answer may take its time on a busy machine; what is not has the time of many round trips. */
const PATIENCE_MS = 8000;
const SILENCE_MS = 400;
const PORT = 5353;
const ELSEWHERE = { 4: '203.0.113.0/24', 6: '2001:db8:9::/48' } as const;

type Protocol = 'tcp' | 'udp';

const lab = await Lab.open(8);
const peers = new Peers();
const made = new Map<string, NamedNetwork>();
let nextFrom = 6000;
let nextNumber = 1;

let outside: Peer;
let host: Peer;

test.before(async () => {
  lab.setup();
  lab.host.settings = lab.settings;
  [outside, host] = [peers.client(lab.outsideNetns), peers.client(null)];
  await peers.serve(lab.outsideNetns, 'outside', 80, 5391);
});

test.after.always(async () => {
  remove(...made.values());
  await peers.end();
  await lab.close();
});

/** With an address of each family. */
function planned(firewall: Partial<Firewall> = {}): NamedNetwork {
  const number = nextNumber++;
  const plain = lab.names.sandbox(number);
  return { ...plain, address6: `fd00:88::${number}`, firewall: { ...plain.firewall, ...firewall } };
}

function create(network: NamedNetwork): NamedNetwork {
  createSandbox(lab.host, network);
  made.set(network.hostLink, network);
  return network;
}

/** A sandbox in which `name` serves on 80, and `name-81` on 81. */
async function served(name: string, firewall: Partial<Firewall> = {}): Promise<NamedNetwork> {
  const network = create(planned(firewall));
  await peers.serve(network.netns, name, 80, 81);
  return network;
}

function update(from: NamedNetwork, firewall: Partial<Firewall>): NamedNetwork {
  const to = { ...from, firewall: { ...from.firewall, ...firewall } };
  updateSandbox(lab.host, from, to);
  made.set(to.hostLink, to);
  return to;
}

function remove(...networks: readonly NamedNetwork[]): void {
  const removals = networks.map((network) => {
    const { netns, hostLink, owner } = network;
    return { netns, hostLink, owner, network, recycle: false, patient: false };
  });
  for (const { error } of removeSandboxes(lab.host, removals)) if (error !== undefined) throw error;
  for (const { hostLink } of networks) made.delete(hostLink);
}

/** PORT of the host, by both protocols. */
const published = (guest = 80): Pick<Firewall, 'ports'> => ({
  ports: (['tcp', 'udp'] as const).map((protocol) => ({ protocol, host: PORT, guest })),
});

const NONE = { ports: [] };
const MANY = Array.from({ length: 9 }, (_, at) => ({ protocol: 'udp' as const, host: 7000 + at, guest: 80 }));

interface Change {
  /** Who answers before; null: nobody. */
  readonly before: string | null;
  readonly after: string | null;
  /** Makes what is there before, and gives the change. */
  prepare(): Promise<() => Promise<void>>;
}

const CHANGES: Readonly<Record<string, Change>> = {
  'a new sandbox publishes it': {
    before: null,
    after: 'one',
    prepare: async () => async () => {
      await served('one', published());
    },
  },
  'a sandbox that runs publishes it': {
    before: null,
    after: 'one',
    prepare: async () => {
      const one = await served('one');
      return async () => void update(one, published());
    },
  },
  'it is withdrawn': {
    before: 'one',
    after: null,
    prepare: async () => {
      const one = await served('one', published());
      return async () => void update(one, NONE);
    },
  },
  'its sandbox goes': {
    before: 'one',
    after: null,
    prepare: async () => {
      const one = await served('one', published());
      return async () => remove(one);
    },
  },
  'its sandbox goes with many others': {
    before: 'one',
    after: null,
    prepare: async () => {
      const others = Array.from({ length: 5 }, () => create(planned()));
      const one = await served('one', published());
      return async () => remove(...others, one);
    },
  },
  'it moves to another sandbox': {
    before: 'one',
    after: 'two',
    prepare: async () => {
      const [one, two] = [await served('one', published()), await served('two')];
      return async () => {
        update(one, NONE);
        update(two, published());
      };
    },
  },
  'it moves with many others': {
    before: 'one',
    after: 'two',
    prepare: async () => {
      const [one, two] = [await served('one', published()), await served('two')];
      return async () => {
        update(one, NONE);
        update(two, { ports: [...MANY, ...published().ports] });
      };
    },
  },
  'it leads to another port of the guest': {
    before: 'one',
    after: 'one-81',
    prepare: async () => {
      const one = await served('one', published());
      return async () => void update(one, published(81));
    },
  },
  'its sandbox is made again with another address': {
    before: 'one',
    after: 'two',
    prepare: async () => {
      const one = await served('one', published());
      return async () => {
        remove(one);
        await served('two', published());
      };
    },
  },
};

type Flow = Omit<Question, 'waitMs'> & { readonly peer: Peer };

/** To PORT of the host; over IPv6 the host asks its own address, as there is no route_localnet for ::1. */
function flows(): Readonly<Record<string, Flow>> {
  const found: Record<string, Flow> = {};
  for (const protocol of ['tcp', 'udp'] as const)
    for (const family of [4, 6] as const)
      for (const [name, peer] of Object.entries({ outside, host })) {
        const address = family === 6 ? NET.host6 : name === 'host' ? '127.0.0.1' : NET.host;
        found[`${protocol}${family} from ${name}`] = { peer, protocol, address, port: PORT, from: nextFrom++ };
      }
  return found;
}

async function ask(all: Readonly<Record<string, Flow>>, waitMs: number, only?: Protocol) {
  const asked = Object.entries(all).filter(([, { protocol }]) => only === undefined || protocol === only);
  const answers = asked.map(async ([name, { peer, ...flow }]) => [name, await peer.ask({ ...flow, waitMs })] as const);
  return Object.fromEntries(await Promise.all(answers));
}

const everybody = (all: Readonly<Record<string, Flow>>, who: string | null) =>
  Object.fromEntries(Object.keys(all).map((name) => [name, who ?? 'silence']));

for (const [what, { before, after, prepare }] of Object.entries(CHANGES))
  test.serial(`flows to a port of the host: ${what}`, async (t) => {
    const change = await prepare();
    const all = flows();
    const wait = (who: string | null) => (who === null ? SILENCE_MS : PATIENCE_MS);
    t.deepEqual(await ask(all, wait(before)), everybody(all, before), 'before');
    await change();
    // A connection of before ends with it; the next one from the same port is a new one.
    if (before !== null)
      for (const who of Object.values(await ask(all, SILENCE_MS, 'tcp'))) t.is(who, 'ended', 'the connection');
    t.deepEqual(await ask(all, wait(after)), everybody(all, after), 'after');
    remove(...made.values());
  });

test.serial('what an egress list denies ends also where it is open, and nothing else', async (t) => {
  const one = await served('one');
  const inside = peers.client(one.netns);
  const all: Record<string, Flow> = {};
  for (const protocol of ['tcp', 'udp'] as const)
    for (const address of [NET.outside, NET.outside6])
      all[`${protocol} ${address}`] = { peer: inside, protocol, address, port: 80, from: nextFrom++ };
  const list = (deny: readonly string[]) => ({ egress: { default: 'allow', allow: [], deny } }) as const;
  t.deepEqual(await ask(all, PATIENCE_MS), everybody(all, 'outside'));
  const other = update(one, list(Object.values(ELSEWHERE)));
  const tracked = async () => (await command('/usr/sbin/conntrack -L -p tcp')).match(/ESTABLISHED/g)?.length;
  t.is(await tracked(), 2, 'elsewhere is not here');
  t.deepEqual(await ask(all, PATIENCE_MS), everybody(all, 'outside'));
  const denied = update(other, list([...Object.values(ELSEWHERE), `${NET.outside}/32`, `${NET.outside6}/128`]));
  const answers = await ask(all, SILENCE_MS);
  for (const [name, who] of Object.entries(answers)) t.is(who, name.startsWith('tcp') ? 'ended' : 'silence', name);
  update(denied, list([]));
  t.deepEqual(await ask(all, PATIENCE_MS), everybody(all, 'outside'));
  remove(...made.values());
});

test.serial('what is true still goes on: other ports, other destinations, the same again', async (t) => {
  const one = await served('one', published());
  const inside = peers.client(one.netns);
  const all = flows();
  // Through the host to the same port of somebody else: the rules do not mean it.
  const to = { address: NET.outside, port: 5391 };
  const through: Flow = { peer: inside, protocol: 'tcp', from: nextFrom++, ...to };
  const both = { ...all, through };
  const expected = { ...everybody(all, 'one'), through: 'outside-5391' };
  t.deepEqual(await ask(both, PATIENCE_MS), expected);
  const known = async () => (await command('/usr/sbin/conntrack -L -o id -p tcp')).match(/id=\d+/g)?.sort();
  const before = await known();
  const more = [...published().ports, { protocol: 'tcp', host: 5391, guest: 80 } as const];
  const two = update(one, { ports: more });
  createSandbox(lab.host, two);
  t.deepEqual(await ask(both, PATIENCE_MS), expected);
  t.deepEqual(await known(), before, 'the entries are the same');
  remove(...made.values());
});

test.serial('a connection to a process of the host, whose server has gone, is not cut off', async (t) => {
  const server = await peers.serve(null, 'host', 5392);
  const flow: Flow = { peer: outside, protocol: 'tcp', address: NET.host, port: 5392, from: nextFrom++ };
  t.deepEqual(await ask({ flow }, PATIENCE_MS), { flow: 'host' });
  create(planned({ ports: [{ protocol: 'tcp', host: 5392, guest: 80 }] }));
  t.deepEqual(await ask({ flow }, PATIENCE_MS), { flow: 'host' });
  server.kill('SIGKILL');
  remove(...made.values());
});

test.serial('the end of one sandbox forgets nothing of another, in either family', async (t) => {
  const [one, two] = [await served('one', published()), create(planned())];
  const all = flows();
  t.deepEqual(await ask(all, PATIENCE_MS), everybody(all, 'one'));
  const known = async () => (await command('/usr/sbin/conntrack -L -o id -p tcp')).match(/id=\d+/g)?.length;
  const [v4, v6] = [await known(), (await command('/usr/sbin/conntrack -L -f ipv6')).split('\n').length];
  remove(two);
  t.is(await known(), v4);
  t.is((await command('/usr/sbin/conntrack -L -f ipv6')).split('\n').length, v6);
  remove(one);
});
