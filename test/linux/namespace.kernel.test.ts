import { closeSync, mkdirSync, mkdtempSync, readlinkSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SysError } from '../../linux/errors.js';
import { bindMount, detachMount, makeShared } from '../../linux/mount.js';
import {
  NamespaceLostError,
  namespaceAt,
  openNamespace,
  THREAD_NETWORK_NAMESPACE,
  unshareNetwork,
  visitNetwork,
} from '../../linux/namespace.js';
import { NetlinkSocket } from '../../linux/netlink-socket.js';
import { makePersistentTap, openTap } from '../../linux/tuntap.js';

const current = () => readlinkSync(THREAD_NETWORK_NAMESPACE);

test.serial('a visit ends where it began, whatever happened in between', (t) => {
  const home = openNamespace();
  const before = current();
  const inside = visitNetwork(home, unshareNetwork, current);
  t.not(inside, before);
  t.is(current(), before);
  t.throws(
    () =>
      visitNetwork(home, unshareNetwork, () => {
        throw new RangeError('inside');
      }),
    { instanceOf: RangeError },
  );
  t.is(current(), before);
  closeSync(home);
});

test.serial('a way back that fails is a NamespaceLostError, even over an error of the visit', (t) => {
  const error = t.throws(() =>
    visitNetwork(
      1_000_000,
      () => {},
      () => {
        throw new RangeError('inside');
      },
    ),
  );
  t.true(error instanceof NamespaceLostError);
  t.true(error?.cause instanceof SysError);
});

test.serial('a namespace is told from a plain file, and mounts from what is none', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-mount-'));
  const file = join(directory, 'ns');
  t.is(namespaceAt(file), 'absent');
  writeFileSync(file, '');
  t.is(namespaceAt(file), 'file');
  t.false(detachMount(file));
  bindMount(THREAD_NETWORK_NAMESPACE, file);
  t.is(namespaceAt(file), 'namespace');
  t.true(detachMount(file));
  t.is(namespaceAt(file), 'file');
  t.false(detachMount(join(directory, 'absent')));

  const below = join(directory, 'd');
  mkdirSync(below);
  t.false(makeShared(below));
  bindMount(below, below);
  t.true(makeShared(below));
  t.true(detachMount(below));
  rmdirSync(below);
  t.throws(() => bindMount('/nonexistent', file), {
    instanceOf: SysError,
    message: /mount .*ns .*nonexistent.*ENOENT/,
  });
  rmSync(directory, { recursive: true });
});

const flags = { multiQueue: false, vnetHeader: true };

test.serial('a tap persists, and a second user of it is told EBUSY', (t) => {
  const home = openNamespace();
  visitNetwork(home, unshareNetwork, () => {
    makePersistentTap('tap7', { uid: 1000, ...flags });
    const fd = openTap('tap7', flags);
    t.throws(() => openTap('tap7', flags), { instanceOf: SysError, message: /TUNSETIFF tap7: EBUSY/ });
    closeSync(fd);
    t.throws(() => openTap('lo', flags), { instanceOf: SysError, message: /EINVAL/ });
  });
  closeSync(home);
});

test.serial('a socket of a protocol that does not exist is refused', (t) => {
  t.throws(() => NetlinkSocket.open(31), { instanceOf: SysError, message: /socket netlink: EPROTONOSUPPORT/ });
});
