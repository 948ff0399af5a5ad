import test from 'ava';
import { boundDiscovery, provideCloneNat } from '../../../netns/firewall/index.js';
import { attribute, nested } from '../../../netns/netlink/attribute.js';
import { NLMSG } from '../../../netns/netlink/constants.js';
import { HEADER_SIZE, type Message, message, parseMessages, setSequence } from '../../../netns/netlink/message.js';
import { NFPROTO } from '../../../netns/netlink/netfilter-constants.js';
import { batchBegin, batchEnd, NFGENMSG } from '../../../netns/netlink/nfnetlink.js';
import { lookUpAndGo, matchFamily, newAddressIntervals, newChain, newRule } from '../../../netns/netlink/nftables.js';
import {
  concatenation,
  deleteElements,
  newElements,
  parseElements,
  type SetElement,
} from '../../../netns/netlink/set-element.js';
import { Nfnl } from '../../../netns/nfnl.js';
import { fc } from '../../runner/property.js';
import * as nft from './nft-fixtures.js';

type Tree = (number | string | Tree)[];

/** Attributes as a tree: numbers of types, bytes as text, nested ones as lists. Padding is no part of it. */
function tree(buffer: Buffer, start: number, end: number): Tree {
  const out: Tree = [];
  for (let at = start; at + 4 <= end; ) {
    const length = buffer.readUInt16LE(at);
    const type = buffer.readUInt16LE(at + 2);
    const inner = (type & 0x8000) !== 0;
    out.push([type & 0x3fff, inner ? tree(buffer, at + 4, at + length) : buffer.toString('hex', at + 4, at + length)]);
    at += (length + 3) & ~3;
  }
  return out;
}

/** Type, family and attributes of each message, without what `nft` adds for itself: see the head of the fixtures. */
function shape(buffer: Buffer, own: RegExp): string[] {
  return parseMessages(buffer).map((one) => {
    const attributes = JSON.stringify(tree(buffer, one.start + NFGENMSG, one.end)).replaceAll(own, '');
    const head = buffer.toString('hex', one.start, one.start + NFGENMSG);
    return `${one.type} ${one.flags} ${head} ${attributes}`;
  });
}

const SET_ID = /,\[4,"0000000[0-9a-f]"\](?=,\[3,)/g;
const table = { family: NFPROTO.INET, table: 'X' };
const link = Buffer.from('bt1'.padEnd(16, '\0'));
const ip = Buffer.from([10, 0, 0, 1]);
const port = (number: number) => Buffer.from([number >> 8, number & 255]);

const CASES: Readonly<Record<string, [Buffer, string, SetElement]>> = {
  'a concatenation of three fields': [
    nft.SOURCES,
    'sources',
    { key: concatenation(link, Buffer.from([2, 0, 0, 0, 0, 1]), ip) },
  ],
  'a rate': [nft.LIMIT, 'packets', { key: link, expression: { kind: 'limit', rate: 500, burst: 50 } }],
  'a limit of connections': [nft.CONNECTIONS, 'conn', { key: ip, expression: { kind: 'connections', count: 5 } }],
  'a range': [
    nft.RANGE,
    'denied',
    { key: concatenation(ip, Buffer.from([10, 0, 0, 0])), keyEnd: concatenation(ip, Buffer.from([10, 0, 0, 255])) },
  ],
  'numbers in host order': [nft.GROUPS, 'groups', { key: Buffer.from([7, 0, 0, 0, 7, 0, 0, 0]) }],
  'a port': [
    nft.PORT,
    'ports',
    { key: concatenation(Buffer.from([6]), port(80)), data: concatenation(ip, port(8080)) },
  ],
  'a jump': [nft.VERDICT, 'verdicts', { key: ip, jump: 'c' }],
};

for (const [name, [bytes, set, element]] of Object.entries(CASES))
  test(`elements as nft sends them: ${name}`, (t) => {
    const ours = Buffer.concat([batchBegin(), newElements({ ...table, set }, [element]), batchEnd()]);
    t.deepEqual(shape(ours, SET_ID), shape(bytes, SET_ID));
    const [, reply] = parseMessages(bytes);
    t.deepEqual(parseElements(reply as Message), [element]);
  });

test('a deletion as nft sends it, byte for byte', (t) => {
  const key = concatenation(Buffer.from([6]), port(80));
  const body = deleteElements({ ...table, set: 'ports' }, [{ key, data: ip }], 'error');
  setSequence(body, 1);
  const end = batchEnd();
  setSequence(end, 2);
  t.is(Buffer.concat([batchBegin(), body, end]).toString('hex'), nft.DELETE.toString('hex'));
});

/** What a call sends, whoever is asked says yes to. */
function datagramsOf(call: (nfnl: Nfnl) => void): readonly Buffer[] {
  const sent: Buffer[] = [];
  const nfnl = new Nfnl({
    send: (data) => sent.push(data),
    receive() {
      const last = parseMessages(sent.at(-1) ?? Buffer.alloc(0)).at(-2);
      const ack = message(NLMSG.ERROR, 0, Buffer.alloc(4 + HEADER_SIZE));
      setSequence(ack, last?.sequence ?? 0);
      return ack;
    },
    close: () => {},
  });
  call(nfnl);
  return sent;
}

/** nft leaves out what a counter begins with. */
const COUNTED = /\[1,"0{16}"\],\[2,"0{16}"\]/g;

for (const [what, chains, call, bytes] of [
  [
    'the translation of a clone',
    2,
    (nfnl: Nfnl) => provideCloneNat(nfnl, { address: '10.0.0.1', guestAddress: '192.168.1.2' }),
    nft.CLONE,
  ],
  [
    'the bound of discovery by a guest',
    1,
    (nfnl: Nfnl) => boundDiscovery(nfnl, { tap: 'tap0', address6: 'fd00:99::1' }),
    nft.DISCOVERY,
  ],
] as const)
  test(`${what} as nft loads it, in one datagram`, (t) => {
    const sent = datagramsOf(call);
    t.is(sent.length, 1);
    const ours = shape(sent[0] ?? Buffer.alloc(0), COUNTED);
    // Deleting the rules of a former call is ours alone, as is the acknowledgement of the last message.
    const [deletion] = ours.splice(2 + chains, 1);
    t.regex(deletion ?? '', /^2568 /);
    const plain = (line: string) => line.replace(/^(\d+) \d+ /, '$1 ');
    t.deepEqual(ours.map(plain), shape(bytes, COUNTED).map(plain));
  });

test('the set and the rule of a policy as nft loads them', (t) => {
  const intervals: SetElement[] = [
    { key: Buffer.from([0, 0, 0, 0]) },
    { key: Buffer.from([8, 0, 0, 0]), intervalEnd: true },
    { key: Buffer.from([255, 0, 0, 0]) },
  ];
  const ours = Buffer.concat([
    newChain(table, 'policy_x'),
    newAddressIntervals(table, 'policy_x', 4),
    newElements({ ...table, set: 'policy_x' }, intervals),
    newRule(table, 'policy_x', [...matchFamily(NFPROTO.IPV4), ...lookUpAndGo(16, 4, 'policy_x', 'drop_egress')]),
  ]);
  // nft adds the number of the set, and a note for itself that the last interval is open; it counts the elements of a
  // list where the header has NFTA_LIST_ELEM for each.
  const own = /,\[4,"00000001"\]|,\[6,"010401000000"\]/g;
  const theirs = shape(nft.POLICY, own).map((line) =>
    line.replace('[2,[[3,"00000001"]', '[1,[[3,"00000001"]').replace('[3,[[1,[[1,"ff', '[1,[[1,[[1,"ff'),
  );
  for (const line of shape(ours, own)) t.true(theirs.includes(line), line);
});

const element: fc.Arbitrary<SetElement> = fc
  .record(
    {
      key: fc.uint8Array({ minLength: 1, maxLength: 64 }),
      keyEnd: fc.uint8Array({ minLength: 1, maxLength: 64 }),
      data: fc.uint8Array({ minLength: 1, maxLength: 64 }),
      intervalEnd: fc.constant(true as const),
      expression: fc.oneof(
        fc.record({ kind: fc.constant('limit' as const), rate: fc.maxSafeNat(), burst: fc.nat() }),
        fc.record({ kind: fc.constant('connections' as const), count: fc.nat() }),
        fc.record({ kind: fc.constant('counter' as const), packets: fc.maxSafeNat(), bytes: fc.maxSafeNat() }),
      ),
    },
    { requiredKeys: ['key'] },
  )
  .map(({ key, keyEnd, data, ...rest }) => ({
    key: Buffer.from(key),
    ...(keyEnd === undefined ? {} : { keyEnd: Buffer.from(keyEnd) }),
    ...(data === undefined ? {} : { data: Buffer.from(data) }),
    ...rest,
  }));

test('elements come back as they went', (t) => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 20 }), (elements) => {
      const [reply] = parseMessages(newElements({ ...table, set: 's' }, elements));
      t.deepEqual(parseElements(reply as Message), elements);
    }),
    { numRuns: 200 },
  );
});

test('torn or foreign bytes are no elements and no crash', (t) => {
  const bytes = newElements({ ...table, set: 's' }, [{ key: ip, expression: { kind: 'limit', rate: 1, burst: 1 } }]);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(value, at);
      for (const reply of parseMessages(damaged)) if (reply.end - reply.start >= NFGENMSG) parseElements(reply);
    }),
    { numRuns: 500 },
  );
  const odd = nested(3, nested(1, nested(7, attribute(1, Buffer.from('quota\0')))));
  const [reply] = parseMessages(message(0xa0c, 0, Buffer.alloc(NFGENMSG), odd));
  t.deepEqual(parseElements(reply as Message), [{ key: Buffer.alloc(0) }]);
});
