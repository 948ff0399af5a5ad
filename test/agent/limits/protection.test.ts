import test from 'ava';
import { UnitProtection } from '../../../agent/limits/protection.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function told(fail = false) {
  const calls: string[] = [];
  let total = { min: 0, low: 0 };
  let heard: () => void = () => undefined;
  const protection = new UnitProtection({
    units: [
      { name: 'berth.slice', own: 192 },
      { name: 'berth-workloads.service', own: 64 },
    ],
    total: () => total,
    log: { ...silent, warn: () => heard() },
    collectMs: 1,
    setProperty: async (unit, properties) => {
      if (fail) throw new Error('no bus');
      calls.push(`${unit} ${properties.join(' ')}`);
      if (unit.endsWith('.service')) heard();
    },
  });
  const change = async (min: number, low: number): Promise<void> => {
    total = { min, low };
    // Its own timer holds no process.
    const alive = setInterval(() => undefined, 1000);
    await new Promise<void>((resolve) => {
      heard = resolve;
      protection.changed();
    });
    clearInterval(alive);
  };
  return { calls, protection, change };
}

test('slice and unit are told the sum and what is their own, outermost first', async (t) => {
  const { calls, change } = told();
  await change(1000, 500);
  t.deepEqual(calls, [
    'berth.slice MemoryMin=1192 MemoryLow=692',
    'berth-workloads.service MemoryMin=1064 MemoryLow=564',
  ]);
});

test('what systemd knows already it is not told again; what failed it is', async (t) => {
  const { calls, protection, change } = told();
  await change(1000, 500);
  protection.changed();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await protection.close();
  t.is(calls.length, 2);
  const failing = told(true);
  await failing.change(1, 0);
  await failing.change(1, 0);
  t.deepEqual(failing.calls, []);
});
