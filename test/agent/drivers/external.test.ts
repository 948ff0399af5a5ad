import test from 'ava';
import { externalDriver } from '../../../agent/drivers/external/index.js';
import { conformance } from './conformance.js';
import { contextFor, specOf } from './fixture.js';

conformance({ driver: externalDriver, spec: () => specOf({ driver: 'external' }), missing: [] });

test('there is no process, and a tap only when asked for on a routed network', async (t) => {
  const driver = externalDriver();
  t.is(await driver.prepare(specOf({ driver: 'external' }), await contextFor(t)), null);
  t.is(driver.tap(specOf({ driver: 'external' })), null);
  const external = { tap: true, uid: 1234, multiQueue: true, guestAddress: '172.16.0.2' };
  t.deepEqual(driver.tap(specOf({ driver: 'external', external })), {
    name: 'tap0',
    uid: 1234,
    multiQueue: true,
    vnetHeader: true,
    guestAddress: '172.16.0.2',
  });
  t.is(driver.tap(specOf({ driver: 'external', network: { mode: 'none' } })), null);
});
