import test from 'ava';
import { reproducible } from '../../systemd/deb/sbom.js';

const bom = (serial: string, clock: string, directory: string, npm: string, version = '1.0.0') => ({
  bomFormat: 'CycloneDX',
  serialNumber: `urn:uuid:${serial}`,
  metadata: { timestamp: clock, tools: [{ name: 'cli', version: npm }], component: { name: directory } },
  components: [{ name: 'ws', version }],
});

test('two builds of the same dependencies have the same bill, and others another one', (t) => {
  const one = reproducible(bom('1', '2026-01-01', 'here', '10.0.0'), 'berth', 1_700_000_000);
  t.is(one, reproducible(bom('2', '2026-02-02', 'there', '11.0.0'), 'berth', 1_700_000_000));
  const other = reproducible(bom('1', '2026-01-01', 'here', '10.0.0', '1.0.1'), 'berth', 1_700_000_000);
  t.not(JSON.parse(one).serialNumber, JSON.parse(other).serialNumber);
  t.is(JSON.parse(one).metadata.timestamp, '2023-11-14T22:13:20.000Z');
  t.regex(JSON.parse(one).serialNumber, /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
});
