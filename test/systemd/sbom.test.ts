import test from 'ava';
import { forPlatform, reproducible } from '../../systemd/deb/sbom.js';

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

test('the bill of another platform names its binary of koffi with the digest of the lock file', (t) => {
  const installed = {
    ...{ metadata: { component: { name: 'berth' } }, dependencies: [{ ref: '@koromix/koffi-linux-x64@3.3.4' }] },
    components: [
      {
        name: '@koromix/koffi-linux-x64',
        purl: 'pkg:npm/%40koromix/koffi-linux-x64@3.3.4',
        hashes: [{ content: '00' }],
      },
      { name: 'koffi', hashes: [{ content: '11' }] },
    ],
  };
  const binary = { name: '@koromix/koffi-linux-arm64', platform: 'arm64', version: '3.3.4', integrity: 'sha512-q83v' };
  t.like(forPlatform(JSON.stringify(installed), binary), {
    dependencies: [{ ref: '@koromix/koffi-linux-arm64@3.3.4' }],
    components: [
      {
        ...{ name: '@koromix/koffi-linux-arm64', purl: 'pkg:npm/%40koromix/koffi-linux-arm64@3.3.4' },
        hashes: [{ alg: 'SHA-512', content: 'abcdef' }],
      },
      { name: 'koffi', hashes: [{ content: '11' }] },
    ],
  });
});
