import { spawnSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';
import { SysError } from '../../../linux/errors.js';
import {
  applyBandwidth,
  auditBandwidth,
  ifbNameFor,
  readBandwidth,
  type ShapingTarget,
  shapingLinks,
} from '../../../netns/shaping/index.js';
import { command, makeNames } from '../lab.js';
import { type Bench, openBench } from './bench.js';

/** In a namespace that ends with the command. */
function hasFqCodel(): boolean {
  return spawnSync('unshare', ['-n', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'fq_codel']).status === 0;
}

const names = makeNames(5);
const benches: Bench[] = [];
const bench = (): Bench => {
  const [only] = benches;
  if (only === undefined) throw new Error('no bench');
  return only;
};
const RATE = { bitsPerSecond: 20e6, burstBytes: null };
const NONE = { ingress: null, egress: null };
const BOTH = { ingress: RATE, egress: { bitsPerSecond: 30e6, burstBytes: 60_000 } };

test.before(async () => {
  benches.push(await openBench(names, 1, 'veth'));
});

test.after.always(async (t) => {
  for (const open of benches) await open.close();
  t.false((await command('ip netns list')).includes(`${names.netnsPrefix}1-`));
});

function target(bandwidth: ShapingTarget['bandwidth']): ShapingTarget {
  return { hostLink: bench().link, owner: `${names.ownerPrefix}1`, mtu: 1500, bandwidth };
}

function apply(bandwidth: ShapingTarget['bandwidth'], afterStep: (step: string) => void = () => {}): void {
  bench().onHost((host) => applyBandwidth(host, target(bandwidth), { afterStep }));
}

/** What tc and ip show of shaping, and what the audit says. */
async function look() {
  const { link, host } = bench();
  const qdiscs = await host('tc qdisc show');
  const differences = (bandwidth: ShapingTarget['bandwidth']) =>
    bench().onHost((inside) => auditBandwidth(inside, target(bandwidth)));
  return {
    buckets: qdiscs.match(/qdisc tbf/g)?.length ?? 0,
    hooks: qdiscs.match(/qdisc (ingress|clsact)/g)?.length ?? 0,
    ifbs: (await host('ip -o link')).includes(` ${ifbNameFor(link)}:`) ? 1 : 0,
    redirects: (await host(`tc filter show dev ${link} ingress`)).match(/mirred/g)?.length ?? 0,
    differences,
  };
}

async function isClean(t: ExecutionContext): Promise<void> {
  const { differences, ...objects } = await look();
  t.deepEqual(objects, { buckets: 0, hooks: 0, ifbs: 0, redirects: 0 });
  t.deepEqual(differences(NONE), []);
}

async function isShaped(t: ExecutionContext): Promise<void> {
  const { differences, ...objects } = await look();
  t.deepEqual(objects, { buckets: 2, hooks: 1, ifbs: 1, redirects: 1 });
  t.deepEqual(differences(BOTH), []);
}

test.serial('limits are set, read back, found by their owner and removed, each of it twice', async (t) => {
  const { onHost, link, host } = bench();
  apply(BOTH);
  apply(BOTH);
  await isShaped(t);
  const read = onHost((inside) => readBandwidth(inside, link));
  t.like(read.ingress, { bitsPerSecond: 20e6, burstBytes: 15_000, queuedBytes: 0 });
  t.like(read.egress, { bitsPerSecond: 30e6, burstBytes: 60_000, queuedBytes: 0 });
  const { owner } = target(BOTH);
  const [own, none, foreign] = onHost((inside) =>
    shapingLinks(inside, [
      { hostLink: link, owner },
      { hostLink: null, owner },
      { hostLink: link, owner: 'someone:else' },
    ]),
  );
  t.is(own, JSON.parse(await host(`ip -j link show ${ifbNameFor(link)}`))[0].ifindex);
  t.deepEqual([none, foreign], [undefined, undefined]);
  t.false((await host(`ip addr show ${ifbNameFor(link)}`)).includes('inet6'));
  apply(NONE);
  apply(NONE);
  await isClean(t);
});

test.serial('one direction alone', async (t) => {
  apply({ ingress: RATE, egress: null });
  t.like(await look(), { buckets: 1, hooks: 0, ifbs: 0 });
  apply({ ingress: null, egress: RATE });
  t.like(await look(), { buckets: 1, hooks: 1, ifbs: 1, redirects: 1 });
  const read = bench().onHost((inside) => readBandwidth(inside, bench().link));
  t.is(read.ingress, null);
  t.is(read.egress?.bitsPerSecond, 20e6);
  apply(NONE);
  await isClean(t);
});

test.serial('a limit beyond 32 bits of bytes per second', async (t) => {
  const rate = { bitsPerSecond: 100e9, burstBytes: null };
  apply({ ingress: rate, egress: rate });
  t.deepEqual((await look()).differences({ ingress: rate, egress: rate }), []);
  t.regex(await bench().host('tc qdisc show'), /rate 100Gbit/);
  apply(NONE);
});

const whereFqCodel = hasFqCodel() ? test.serial : test.serial.skip;
whereFqCodel('where the kernel has fq_codel, it is behind both buckets, and a live change keeps it', async (t) => {
  const { host, ping } = bench();
  const queues = async () => {
    const all: Record<string, unknown>[] = JSON.parse(await host('tc -j -s qdisc show'));
    return all.filter(({ kind, parent }) => kind === 'fq_codel' && parent === 'be7:1');
  };
  apply(BOTH);
  await ping(3);
  const before = await queues();
  t.is(before.length, 2);
  for (const queue of before) t.like(queue, { handle: 'be8:', options: { flows: 128 } });
  const more = { bitsPerSecond: 100e6, burstBytes: null };
  apply({ ingress: more, egress: more });
  const after = await queues();
  t.is(after.length, 2);
  // Another queue would count from zero.
  after.forEach((queue, position) => {
    t.true(Number(queue.packets) >= Number(before[position]?.packets) && Number(before[position]?.packets) >= 3);
    t.true(memory(queue) > memory(before[position]));
  });
  apply(NONE);
  t.is((await queues()).length, 0);
});

function memory(queue: Record<string, unknown> | undefined): number {
  return (queue?.options as { memory_limit: number } | undefined)?.memory_limit ?? 0;
}

for (const step of ['ifb', 'ipv6', 'ifb-up', 'redirect']) {
  test.serial(`shaping killed after ${step} is completed by the next one, or removed`, async (t) => {
    const killed = () =>
      apply(BOTH, (done) => {
        if (done === step) throw new RangeError('killed here');
      });
    t.throws(killed, { instanceOf: RangeError });
    apply(BOTH);
    await isShaped(t);
    apply(NONE);
    t.throws(killed, { instanceOf: RangeError });
    apply(NONE);
    await isClean(t);
  });
}

const DAMAGE: readonly (readonly [string, (link: string, ifb: string) => string[], RegExp])[] = [
  ['the IFB was deleted', (_, ifb) => [`ip link del ${ifb}`], /limits what .* receives, does not exist/],
  ['the IFB is down', (_, ifb) => [`ip link set ${ifb} down`], /is down, so what .* receives is dropped/],
  ['the bucket of the IFB was deleted', (_, ifb) => [`tc qdisc del dev ${ifb} root`], /but has no limit/],
  ['the bucket of the link was deleted', (link) => [`tc qdisc del dev ${link} root`], /but has no limit/],
  ['the ingress qdisc was deleted', (link) => [`tc qdisc del dev ${link} ingress`], /does not redirect/],
  ['the filter was deleted', (link) => [`tc filter del dev ${link} ingress`], /does not redirect/],
  [
    'the filter points elsewhere',
    (link) => [
      `tc filter del dev ${link} ingress`,
      `tc filter add dev ${link} ingress protocol all pref 1000 u32 match u32 0 0 action mirred egress redirect dev uplink`,
    ],
    /does not redirect/,
  ],
  [
    'another rate was set',
    (link) => [`tc qdisc change dev ${link} root tbf rate 5mbit burst 15000 limit 140000`],
    /should be limited to 20000000 bit\/s .*, but has 5000000 bit\/s/,
  ],
  [
    'another bucket was set',
    (link) => [`tc qdisc replace dev ${link} root handle 1: tbf rate 20mbit burst 15000 limit 140000`],
    /but has the qdisc tbf/,
  ],
  [
    'another qdisc has our handle',
    (link) => [`tc qdisc del dev ${link} root`, `tc qdisc add dev ${link} root handle be7: htb`],
    /but has the qdisc htb/,
  ],
];
for (const [what, commands, finding] of DAMAGE) {
  test.serial(`${what}: found and mended`, async (t) => {
    const { link, host } = bench();
    apply(BOTH);
    for (const line of commands(link, ifbNameFor(link))) await host(line);
    const [first] = (await look()).differences(BOTH);
    t.regex(first ?? '', finding);
    apply(BOTH);
    await isShaped(t);
    apply(NONE);
    await isClean(t);
  });
}

test.serial('a queue taken from behind the bucket is put back', async (t) => {
  const { link, host, ping } = bench();
  apply(BOTH);
  // Leaves noop behind the bucket, which drops everything. `replace`, as fq_codel may be there.
  await host(`tc qdisc replace dev ${link} parent be7:1 handle 77: pfifo`);
  await host(`tc qdisc del dev ${link} parent be7:1`);
  await t.throwsAsync(ping(1));
  apply(BOTH);
  t.is((await ping(1)).length, 1);
  apply(NONE);
});

test.serial('what others have put on the link stays: clsact, their filters, their root qdisc', async (t) => {
  const { link, host } = bench();
  await host(`tc qdisc add dev ${link} clsact`);
  await host(
    `tc filter add dev ${link} ingress protocol ip pref 5 u32 match u32 0 0 action mirred egress mirror dev lo`,
  );
  apply(BOTH);
  const shaped = await look();
  t.like(shaped, { buckets: 2, hooks: 1, ifbs: 1, redirects: 2 });
  t.deepEqual(shaped.differences(BOTH), []);
  apply(NONE);
  await host(`tc qdisc add dev ${link} root handle 5: htb`);
  apply(NONE);
  t.like(await look(), { buckets: 0, hooks: 1, ifbs: 0, redirects: 1 });
  t.regex(await host('tc qdisc show'), /htb 5:/);
  await host(`tc qdisc del dev ${link} clsact`);
  await host(`tc qdisc del dev ${link} root`);
  await isClean(t);
});

for (const alias of ['someone:else', undefined]) {
  test.serial(`an IFB of the same name with ${alias ?? 'no owner'} is left alone`, async (t) => {
    const { link, host } = bench();
    const ifb = ifbNameFor(link);
    await host(`ip link add ${ifb} type ifb`);
    if (alias !== undefined) await host(`ip link set ${ifb} alias ${alias}`);
    const error = t.throws(() => apply(BOTH), { instanceOf: SysError });
    t.like(error, { errnoName: 'EEXIST', path: ifb });
    apply(NONE);
    t.like(await look(), { buckets: 0, hooks: 0, ifbs: 1 });
    await host(`ip link del ${ifb}`);
  });
}

test.serial('a link that does not exist', (t) => {
  const { onHost } = bench();
  const absent = { ...target(BOTH), hostLink: 'btabsent' };
  const error = t.throws(() => onHost((host) => applyBandwidth(host, absent)), { instanceOf: SysError });
  t.is(error.errnoName, 'ENODEV');
  t.deepEqual(
    onHost((host) => readBandwidth(host, 'btabsent')),
    { ingress: null, egress: null },
  );
  t.regex(onHost((host) => auditBandwidth(host, absent))[0] ?? '', /btabsent does not exist/);
  t.deepEqual(
    onHost((host) => auditBandwidth(host, { ...absent, bandwidth: NONE })),
    [],
  );
});

test.serial('a wrong value has no effect', async (t) => {
  t.throws(() => apply({ ingress: RATE, egress: { bitsPerSecond: 0, burstBytes: null } }), { message: /EINVAL/ });
  t.throws(() => apply({ ingress: { bitsPerSecond: 20e6, burstBytes: 1e9 }, egress: null }), { message: /EINVAL/ });
  await isClean(t);
});

test.serial('what a limited workload sends is seen by inet chains as coming from its link', async (t) => {
  const { link, host, ping } = bench();
  apply(BOTH);
  await host('/usr/sbin/nft add table inet seen');
  await host('/usr/sbin/nft add chain inet seen in { type filter hook prerouting priority 0 ; }');
  await host(`/usr/sbin/nft add rule inet seen in iifname ${link} counter`);
  await ping(3);
  // The three pings, and whatever the namespace says of its own accord.
  const packets = Number(/packets (\d+) /.exec(await host('/usr/sbin/nft list table inet seen'))?.[1]);
  t.true(packets >= 3, `${packets}`);
  await host('/usr/sbin/nft delete table inet seen');
  apply(NONE);
});
