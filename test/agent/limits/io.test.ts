import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { deviceNumbers, diskOf, ioLimits, requireDevices } from '../../../agent/limits/io.js';
import { BerthError } from '../../../protocol/errors.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { specOf } from '../workload/fake-world.js';

/** /sys of a disk with one partition, as the kernel links it. */
function sys(): string {
  const root = temporaryDirectory('sys');
  const disk = join(root, 'devices/vda');
  mkdirSync(join(disk, 'vda1'), { recursive: true });
  mkdirSync(join(root, 'dev/block'), { recursive: true });
  writeFileSync(join(disk, 'dev'), '254:0\n');
  writeFileSync(join(disk, 'vda1/dev'), '254:1\n');
  writeFileSync(join(disk, 'vda1/partition'), '1\n');
  symlinkSync('../../devices/vda', join(root, 'dev/block/254:0'));
  symlinkSync('../../devices/vda/vda1', join(root, 'dev/block/254:1'));
  return root;
}

test('a disk is itself, a partition is its disk, and nothing else is a disk', (t) => {
  const root = sys();
  t.is(diskOf('254:0', root), '254:0');
  t.is(diskOf('254:1', root), '254:0');
  t.is(diskOf('254:7', root), undefined);
  t.is(diskOf('/dev/null', root), undefined);
  t.is(diskOf('/dev/no-such-disk', root), undefined);
});

test('device numbers are unpacked as makedev(3) packs them', (t) => {
  t.is(deviceNumbers(0xfe00), '254:0');
  t.is(deviceNumbers(0x801), '8:1');
  // Minor 0x12345 of major 0x103.
  t.is(deviceNumbers(0x12310345), '259:74565');
});

test('two names of one disk are refused; where they come to mean one later, the lowest of each limit holds', (t) => {
  const io = [
    { device: '/dev/vda1', readBps: '2Mi', writeIops: 7, latency: '5ms' },
    { device: '/dev/vda2', readBps: '1Mi', weight: 9 },
  ];
  const spec = specOf({ resources: { io } });
  t.notThrows(() => requireDevices(spec, (path) => path));
  t.throws(() => requireDevices(spec, () => '254:0'), {
    code: 'invalid_spec',
    message: /vda1 and \/dev\/vda2 .*254:0/,
  });
  t.deepEqual(ioLimits(spec.resources.io, undefined, () => '254:0').devices, [
    { device: '254:0', readBps: 1 << 20, writeIops: 7, weight: 9, latencyUsec: 5000 },
  ]);
});

test('a disk that is missing is refused before admission, and limits nothing afterwards', (t) => {
  const spec = specOf({
    resources: {
      io: [
        { device: '/dev/vda', readBps: '1Mi' },
        { device: '/dev/vdz', readIops: 5 },
      ],
    },
  });
  const device = (path: string) => (path === '/dev/vda' ? '254:0' : undefined);
  const error = t.throws(() => requireDevices(spec, device), { instanceOf: BerthError });
  t.like(error, { code: 'device_missing', data: { device: '/dev/vdz' } });
  t.deepEqual(ioLimits(spec.resources.io, 50, device), {
    weight: 50,
    devices: [{ device: '254:0', readBps: 1 << 20 }],
  });
});
