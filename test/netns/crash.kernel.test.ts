// Death after every single step of making, handing out, taking back and deleting: the next life completes it or removes
// it, and nothing is left.
import test from 'ava';
import { auditSandboxes } from '../../netns/audit.js';
import { removalOf } from '../../netns/defaults.js';
import { setupFirewall, teardownFirewall } from '../../netns/firewall/index.js';
import { readEntries } from '../../netns/firewall/read.js';
import { type Host, openHost } from '../../netns/host.js';
import { linkNameFor } from '../../netns/names.js';
import { removeSandboxes } from '../../netns/removal.js';
import { createSandbox } from '../../netns/sandbox/create.js';
import { assignSlot } from '../../netns/slots/assign.js';
import { findSlots, prepareSlot, removeSlots } from '../../netns/slots/prepare.js';
import type { RoomSettings, SandboxNetwork, SlotKind } from '../../netns/types.js';
import { command, makeNames, remains } from './lab.js';

const names = makeNames(5);
const prefix = `${names.netnsPrefix}slot-`;
const settings: RoomSettings = {
  ...names.settings(`berth-test-crash-${process.pid}`),
  slots: { veth: 1, tap: 1, mtu: 1500, netnsPrefix: prefix },
};
const tap = { name: 'tap0', uid: 7, multiQueue: false, vnetHeader: true, guestAddress: '172.31.255.2' };
const rate = { bitsPerSecond: 10_000_000, burstBytes: null };

/** Another runtime's, for all of the file. */
const GIVEN = `given-${process.pid}`;

class Death extends Error {}

/** A life in which `act` dies after its `steps`-th step; false when it has no more steps than that. */
function dies(steps: number, act: (host: Host, afterStep: (step: string) => void) => void): boolean {
  const host = open();
  let left = steps;
  try {
    act(host, () => {
      if (left-- === 0) throw new Death();
    });
    return false;
  } catch (error) {
    if (error instanceof Death) return true;
    throw error;
  } finally {
    host.close();
  }
}

function lives<T>(act: (host: Host) => T): T {
  const host = open();
  try {
    return act(host);
  } finally {
    host.close();
  }
}

function open(): Host {
  const host = openHost();
  host.settings = settings;
  return host;
}

function remove(host: Host, network: SandboxNetwork, recycle = false): void {
  const [removed] = removeSandboxes(host, [{ ...removalOf(network, { recycle }), patient: false }]);
  if (removed?.error !== undefined) throw removed.error;
}

function elements(): string[] {
  const sets = lives((host) => readEntries(host, settings.table, 'inet'));
  return sets.filter(({ set }) => set !== 'groups').map(({ set }) => set);
}

test.before(async () => {
  await command(`ip netns add ${GIVEN}`);
  lives((host) => setupFirewall(host, settings));
});
test.after.always(async () => {
  lives((host) => {
    removeSlots(host);
    teardownFirewall(host, settings.table);
  });
  await command(`ip netns del ${GIVEN}`);
});

const plain = names.sandbox(1);
const KINDS: readonly [string, SandboxNetwork][] = [
  [
    'container, shaped and published',
    {
      ...plain,
      bandwidth: { ingress: rate, egress: rate },
      firewall: { ...plain.firewall, ports: [{ protocol: 'tcp', host: 23_456, guest: 80 }] },
    },
  ],
  ['microVM clone', { ...names.sandbox(2), tap }],
  [
    'container in a namespace that is given',
    { ...names.sandbox(6), given: { path: `/run/netns/${GIVEN}`, inode: null, link: 'net1' } },
  ],
  ['tap on the host', { ...names.sandbox(3), netns: null, tap: { ...tap, guestAddress: null } }],
];
for (const [what, network] of KINDS) {
  test.serial(`making a ${what} is completed or removed after every step`, async (t) => {
    let step = 0;
    const make = (host: Host, afterStep: (step: string) => void) => createSandbox(host, network, { afterStep });
    for (; dies(step, make); step++) {
      lives((host) => remove(host, network));
      t.deepEqual([...(await remains(network)), ...elements()], [], `removed after step ${step}`);
      dies(step, make);
      lives((host) => createSandbox(host, network));
      t.deepEqual(
        lives((host) => auditSandboxes(host, [network])),
        [],
        `completed after step ${step}`,
      );
      lives((host) => remove(host, network));
      t.deepEqual([...(await remains(network)), ...elements()], [], `removed once completed, step ${step}`);
    }
    t.true(step >= 5, `${step} steps`);
    lives((host) => remove(host, network));
  });

  test.serial(`removing a ${what} is completed after every step`, async (t) => {
    let step = 0;
    for (; ; step++) {
      lives((host) => createSandbox(host, network));
      const died = dies(step, (host, afterStep) =>
        removeSandboxes(host, [{ ...removalOf(network), patient: false }], afterStep),
      );
      lives((host) => remove(host, network));
      t.deepEqual([...(await remains(network)), ...elements()], []);
      if (!died) break;
    }
    t.true(step >= 2, `${step} steps`);
  });
}

const SLOTS: readonly [SlotKind, SandboxNetwork][] = [
  ['veth', names.sandbox(4)],
  ['tap', { ...names.sandbox(5), tap }],
];
for (const [kind, network] of SLOTS) {
  const netns = `${prefix}${kind === 'veth' ? 0 : 1}`;
  const slotted = { ...network, netns, hostLink: linkNameFor(settings.linkPrefix, netns) };
  const prepare = (host: Host) => void prepareSlot(host, netns, kind);
  const clean = async () => {
    lives((host) => {
      if (host.rtnl.link({ name: slotted.hostLink })?.alias === slotted.owner) remove(host, slotted);
    });
    lives(removeSlots);
    // What has no tag yet is found by its name, as the reaper does.
    lives((host) => remove(host, { ...slotted, owner: `${settings.table}-slot` }));
    return [...(await remains(slotted)), ...elements()];
  };

  test.serial(`a slot with a ${kind} is made whole after death at any step`, async (t) => {
    let step = 0;
    for (; dies(step, (host, afterStep) => prepareSlot(host, netns, kind, afterStep)); step++) {
      lives(prepare);
      t.deepEqual(lives(findSlots).free, [{ netns, kind }]);
      t.deepEqual(await clean(), []);
    }
    t.true(step >= 4, `${step} steps`);
    t.deepEqual(await clean(), []);
  });

  test.serial(`handing out a slot with a ${kind} is completed after every step`, async (t) => {
    let step = 0;
    for (; ; step++) {
      const died = dies(step, (host, afterStep) => {
        prepare(host);
        assignSlot(host, slotted, afterStep);
      });
      lives((host) => createSandbox(host, slotted));
      t.deepEqual(
        lives((host) => auditSandboxes(host, [slotted])),
        [],
      );
      t.deepEqual(await clean(), []);
      if (!died) break;
    }
    t.true(step >= 4, `${step} steps`);
  });

  test.serial(`taking back a slot with a ${kind} is completed after every step`, async (t) => {
    let step = 0;
    for (; ; step++) {
      lives((host) => {
        prepare(host);
        assignSlot(host, slotted);
      });
      const removal = { ...removalOf(slotted, { recycle: true }), patient: true };
      let died = false;
      // The sockets of the making life are counted until RCU has freed them, and so are those of each life that looks: ever
      // longer pauses, or the one would always meet the other's.
      for (let again = true, pause = 30; again && !died; pause *= 2) {
        await new Promise((resolve) => setTimeout(resolve, pause));
        died = dies(step, (host, afterStep) => {
          again = removeSandboxes(host, [removal], afterStep)[0]?.again === true;
        });
      }
      // The record still says that it is to go: the next life asks again, whatever has become of it.
      lives((host) => remove(host, slotted, true));
      const { free } = lives(findSlots);
      const link = await command(`ip link show ${slotted.hostLink}`).catch(() => '');
      t.is(free.length, link === '' ? 0 : 1, `after step ${step}`);
      t.deepEqual(elements(), []);
      if (free.length > 0) {
        lives((host) => {
          prepare(host);
          t.true(assignSlot(host, slotted));
        });
        t.deepEqual(
          lives((host) => auditSandboxes(host, [slotted])),
          [],
        );
      }
      t.deepEqual(await clean(), []);
      if (!died) break;
    }
    t.true(step >= 5, `${step} steps`);
  });
}
