import test from 'ava';
import { IN_Q_OVERFLOW, type InotifyEvent, parseInotifyEvents } from '../../linux/inotify.js';
import { fc } from '../runner/property.js';

/** As the kernel lays it out: the name with at least one NUL, filled up to a multiple of the header. */
function bytesOf({ wd, mask, name }: InotifyEvent): Buffer {
  const text = Buffer.from(name);
  const length = text.length === 0 ? 0 : Math.ceil((text.length + 1) / 16) * 16;
  const bytes = Buffer.alloc(16 + length);
  bytes.writeInt32LE(wd, 0);
  bytes.writeUInt32LE(mask, 4);
  bytes.writeUInt32LE(length, 12);
  text.copy(bytes, 16);
  return bytes;
}

const event = fc.record({
  wd: fc.integer({ min: -1, max: 0x7fffffff }),
  mask: fc.integer({ min: 0, max: 0xffffffff }),
  name: fc.string({ unit: 'grapheme', maxLength: 80 }).filter((name) => !name.includes('\0')),
});

test('every sequence of events is read as it was written', (t) => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      t.deepEqual(parseInotifyEvents(Buffer.concat(events.map(bytesOf))), events);
    }),
  );
});

test('events as Linux 6.18 wrote them', (t) => {
  const modified = '01000000020000000000000010000000' + '6367726f75702e6576656e7473000000';
  const overflow = 'ffffffff004000000000000000000000';
  t.deepEqual(parseInotifyEvents(Buffer.from(modified + overflow, 'hex')), [
    { wd: 1, mask: 2, name: 'cgroup.events' },
    { wd: -1, mask: IN_Q_OVERFLOW, name: '' },
  ]);
});
