import { constants } from 'node:os';
import test from 'ava';
import { attribute, eachAttribute } from '../../../netns/netlink/attribute.js';
import { NLM_F, NLMSG } from '../../../netns/netlink/constants.js';
import { message, parseAcknowledgement, parseMessages, setSequence } from '../../../netns/netlink/message.js';
import { fc, holds } from '../../runner/property.js';
import { INVALID_GATEWAY, NO_SUCH_LINK } from './fixtures.js';

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

test('any attributes in any number of messages come back as they were', (t) => {
  const attributes = fc.array(fc.tuple(fc.integer({ min: 1, max: 0x3fff }), bytes), { maxLength: 8 });
  holds(
    t,
    fc.property(fc.array(attributes, { maxLength: 5 }), fc.nat(), (lists, sequence) => {
      const sent = lists.map((list) => {
        const one = message(16, 5, ...list.map(([type, payload]) => attribute(type, payload)));
        setSequence(one, sequence);
        return one;
      });
      const read = parseMessages(Buffer.concat(sent)).map((received) => {
        t.is(received.sequence, sequence);
        const list: [number, Buffer][] = [];
        eachAttribute(received.buffer, received.start, received.end, (type, start, end) => {
          list.push([type, received.buffer.subarray(start, end)]);
        });
        return list;
      });
      t.deepEqual(read, lists);
    }),
  );
});

test('arbitrary bytes never throw and never read past the end', (t) => {
  holds(
    t,
    fc.property(bytes, (garbage) => {
      for (const received of parseMessages(garbage)) {
        t.true(received.end <= garbage.length);
        eachAttribute(garbage, received.start, received.end, (_, start, end) =>
          t.true(end <= received.end && start <= end),
        );
      }
    }),
  );
});

test('an error carries the errno of the kernel', (t) => {
  const [reply] = parseMessages(NO_SUCH_LINK);
  if (reply === undefined) return t.fail();
  t.is(reply.sequence, 7);
  t.is(reply.type, NLMSG.ERROR);
  t.deepEqual(parseAcknowledgement(reply), { errno: constants.errno.ENODEV, text: undefined });
});

test('an error carries the text of the extended acknowledgement', (t) => {
  const [reply] = parseMessages(INVALID_GATEWAY);
  if (reply === undefined) return t.fail();
  const expected = { errno: constants.errno.ENETUNREACH, text: 'Nexthop has invalid gateway' };
  t.deepEqual(parseAcknowledgement(reply), expected);
});

test('the text is found behind an echoed request too', (t) => {
  const request = message(16, 5, Buffer.alloc(21));
  const padded = Buffer.concat([request, Buffer.alloc(3)]);
  const errno = Buffer.alloc(4);
  errno.writeInt32LE(-22);
  const reply = message(NLMSG.ERROR, NLM_F.ACK_TLVS, errno, padded, attribute(1, Buffer.from('why\0')));
  const [received] = parseMessages(reply);
  if (received === undefined) return t.fail();
  t.deepEqual(parseAcknowledgement(received), { errno: 22, text: 'why' });
});
