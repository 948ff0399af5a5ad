import test from 'ava';
import { EPOLLET, EPOLLPRI, epollLayout, readEpollEvents, writeEpollEvent } from '../../linux/epoll.js';
import { fc } from '../runner/property.js';

const u32 = fc.integer({ min: 0, max: 0xffffffff });

test('an event is packed on x86-64 and aligned elsewhere', (t) => {
  const event = { token: 0x01020304, events: EPOLLPRI | EPOLLET };
  const packed = Buffer.alloc(12);
  writeEpollEvent(packed, event, epollLayout('x64'));
  t.is(packed.toString('hex'), '020000800403020100000000');
  const aligned = Buffer.alloc(16);
  writeEpollEvent(aligned, event, epollLayout('arm64'));
  t.is(aligned.toString('hex'), '02000080000000000403020100000000');
});

test('what is written is read, as many as the kernel says', (t) => {
  const events = fc.array(fc.record({ token: u32, events: u32 }), { maxLength: 20 });
  fc.assert(
    fc.property(events, fc.constantFrom('x64', 'arm64'), fc.nat(5), (wanted, arch, unused) => {
      const layout = epollLayout(arch);
      const buffer = Buffer.alloc(layout.size * (wanted.length + unused), 0xaa);
      for (const [index, event] of wanted.entries()) {
        writeEpollEvent(buffer.subarray(index * layout.size), event, layout);
      }
      t.deepEqual(readEpollEvents(buffer, wanted.length, layout), wanted);
    }),
  );
});
