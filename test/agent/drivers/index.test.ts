import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { createDrivers } from '../../../agent/drivers/index.js';
import { DRIVER_NAMES } from '../../../agent/model/spec.js';
import { specOf } from './fixture.js';

test('every driver a spec can name is there, and the configuration reaches it', (t) => {
  const config = configSchema.parse({ drivers: { qemu: { overhead: '1Mi' } } });
  const drivers = createDrivers(config);
  t.deepEqual([...drivers.keys()].sort(), [...DRIVER_NAMES].sort());
  for (const [name, driver] of drivers) t.is(driver.name, name);
  const vm = specOf({ driver: 'qemu', qemu: { kernel: '/k', initrd: '/i' } });
  t.is(drivers.get('qemu')?.vm?.overhead(vm), 2 ** 20);
});
