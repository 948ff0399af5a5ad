import test from 'ava';
import { linkNameFor, macFor } from '../../netns/names.js';
import { fc } from '../runner/property.js';

test('MAC addresses are deterministic, unicast and locally administered', (t) => {
  fc.assert(
    fc.property(fc.string(), (id) => {
      const mac = macFor(id);
      t.regex(mac, /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
      t.is(macFor(id), mac);
    }),
  );
  t.not(macFor('a'), macFor('b'));
});

test('link names are deterministic, distinct and fit the kernel', (t) => {
  const names = new Set<string>();
  for (let at = 0; at < 5000; at++) {
    const name = linkNameFor('bth', `workload-${at}`);
    t.true(/^bth[a-z2-7]{12}$/.test(name));
    names.add(name);
  }
  t.is(names.size, 5000);
  t.throws(() => linkNameFor('12345678', 'a'), { instanceOf: RangeError });
});
