import { constants } from 'node:os';
import test from 'ava';
import { deleteFilters, newRedirect, parseFilter } from '../../../netns/netlink/filter.js';
import { newIfb, parseLink } from '../../../netns/netlink/link.js';
import { type Message, parseAcknowledgement, parseMessages } from '../../../netns/netlink/message.js';
import { sameTokenBucket, type TokenBucket } from '../../../netns/netlink/token-bucket.js';
import {
  deleteQdisc,
  newFairQueue,
  newIngress,
  newTokenBucket,
  type Place,
  parseQdisc,
} from '../../../netns/netlink/traffic.js';
import { INGRESS_HANDLE, TC_H } from '../../../netns/netlink/traffic-constants.js';
import { fc, holds } from '../../runner/property.js';
import * as real from './traffic-fixtures.js';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const index = fc.integer({ min: 1, max: 0x7fffffff });
const places: fc.Arbitrary<Place> = fc.record({ index, parent: u32, handle: u32 });
const buckets: fc.Arbitrary<TokenBucket> = fc.record({
  bytesPerSecond: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  burstBytes: u32,
  limitBytes: u32,
});
const TBF = 0x0be70000;
const FQ_CODEL = 0x0be80000;

function only(buffer: Buffer): Message {
  const [first, ...more] = parseMessages(buffer);
  if (first === undefined || more.length > 0) throw new Error('expected one message');
  return first;
}

/** What a request says, apart from its sequence number. */
function head(request: Buffer): { type: number; flags: number; body: string } {
  const { type, flags, start } = only(request);
  return { type, flags, body: request.toString('hex', start) };
}

test('token buckets survive building and parsing, 64-bit rates included', (t) => {
  holds(
    t,
    fc.property(places, buckets, (place, bucket) => {
      const read = parseQdisc(only(newTokenBucket(place, bucket)));
      t.deepEqual(read, { ...place, kind: 'tbf', bucket, counters: undefined });
      if (read.bucket !== undefined) t.true(sameTokenBucket(read.bucket, bucket));
    }),
  );
});

test('redirects survive building and parsing', (t) => {
  holds(
    t,
    fc.property(index, fc.integer({ min: 1, max: 0xffff }), index, (link, priority, target) => {
      const read = parseFilter(only(newRedirect(link, priority, target)));
      t.deepEqual(read, { index: link, priority, kind: 'u32', redirect: target });
    }),
  );
});

test('arbitrary attributes behind a header are read without an error', (t) => {
  holds(
    t,
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 300 }), (bytes) => {
      const buffer = Buffer.from(bytes);
      const garbage = { type: 36, flags: 0, sequence: 0, buffer, start: 0, end: buffer.length };
      parseQdisc(garbage);
      parseFilter(garbage);
    }),
  );
});

test('the same bucket as tc makes', (t) => {
  const place = { index: 3, parent: TC_H.ROOT, handle: TBF };
  const bucket = { bytesPerSecond: 2_500_000, burstBytes: 15_000, limitBytes: 140_000 };
  const ours = only(newTokenBucket(place, bucket));
  const theirs = only(real.TC_TBF);
  t.is(ours.type, theirs.type);
  t.is(ours.flags, theirs.flags);
  t.deepEqual(parseQdisc(theirs), parseQdisc(ours));
  const fast = { bytesPerSecond: 5_000_000_000, burstBytes: 25_000_000, limitBytes: 250_000_000 };
  t.like(parseQdisc(only(real.TC_TBF_64_BIT)), { ...place, index: 2, kind: 'tbf' });
  t.deepEqual(parseQdisc(only(real.TC_TBF_64_BIT)).bucket, fast);
});

test('byte for byte what tc and ip send', (t) => {
  const child = { index: 3, parent: TBF + 1, handle: FQ_CODEL };
  // tc leaves NLA_F_NESTED out of TCA_OPTIONS, which the kernel accepts both ways.
  const plain = (body: string) => body.replace(/0280(?=08000500)/, '0200');
  const fair = head(newFairQueue(child, { flows: 128, memoryBytes: 4 * 2 ** 20 }));
  t.deepEqual({ ...fair, body: plain(fair.body) }, head(real.TC_FQ_CODEL));
  t.deepEqual(head(newIngress(3)), head(real.TC_INGRESS));
  const hook = { index: 3, parent: TC_H.INGRESS, handle: INGRESS_HANDLE };
  t.true(head(real.TC_DELETE_INGRESS).body.startsWith(head(deleteQdisc(hook)).body));
  t.deepEqual(head(deleteQdisc({ index: 3, parent: TC_H.ROOT, handle: 0 })), head(real.TC_DELETE_ROOT));
  const made = { ...parseLink(only(real.IP_IFB)) };
  t.deepEqual(parseLink(only(newIfb({ name: 'Bv1', mtu: 1400 }))), made);
  t.is(made.kind, 'ifb');
});

test('the same redirect as tc makes', (t) => {
  const ours = only(newRedirect(3, 1000, 4));
  const theirs = only(real.TC_REDIRECT);
  t.deepEqual([ours.type, ours.flags], [theirs.type, theirs.flags]);
  t.deepEqual(parseFilter(ours), parseFilter(theirs));
  t.deepEqual(head(deleteFilters(3, 1000)), head(real.TC_DELETE_FILTER));
});

test('qdiscs of a real kernel are read', (t) => {
  // tc prints 24995000 for the first, as it counts in microseconds.
  const [other, tbf, ingress] = parseMessages(real.QDISCS).map(parseQdisc);
  t.like(other, { index: 2, kind: 'tbf', bucket: { bytesPerSecond: 5_000_000_000, burstBytes: 24_999_680 } });
  t.like(tbf, { index: 3, parent: TC_H.ROOT, handle: TBF, kind: 'tbf' });
  t.deepEqual(tbf?.bucket, { bytesPerSecond: 2_500_000, burstBytes: 15_000, limitBytes: 140_000 });
  t.deepEqual(tbf?.counters, { bytes: 0, packets: 0, queuedPackets: 0, queuedBytes: 0, dropped: 0, overLimits: 0 });
  t.like(ingress, { index: 3, parent: TC_H.INGRESS, handle: INGRESS_HANDLE, kind: 'ingress', bucket: undefined });
});

test('filters of a real kernel are read: only the last is a redirect', (t) => {
  const filters = parseMessages(real.FILTERS).map(parseFilter);
  t.deepEqual(
    filters.map(({ redirect }) => redirect),
    [undefined, undefined, 4],
  );
  for (const filter of filters) t.like(filter, { index: 3, priority: 1000, kind: 'u32' });
});

test('a kernel without fq_codel says so', (t) => {
  const reply = parseAcknowledgement(only(real.TC_FQ_CODEL_UNKNOWN));
  t.deepEqual(reply, { errno: constants.errno.ENOENT, text: 'Specified qdisc kind is unknown' });
});

test('a burst is equal within the ticks of the kernel, not beyond', (t) => {
  const bucket = { bytesPerSecond: 25_000_000, burstBytes: 125_000, limitBytes: 1_375_000 };
  t.true(sameTokenBucket({ ...bucket, burstBytes: 124_999 }, bucket));
  t.false(sameTokenBucket({ ...bucket, burstBytes: 120_000 }, bucket));
  t.false(sameTokenBucket({ ...bucket, bytesPerSecond: 25_000_001 }, bucket));
  t.false(sameTokenBucket({ ...bucket, limitBytes: 1 }, bucket));
});
