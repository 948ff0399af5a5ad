import test from 'ava';
import { requireRegistry } from '../../../agent/images/problems.js';
import { parseImage } from '../../../agent/model/image-reference.js';

const refusal = (registry: string, registries: readonly string[] = []): string | undefined => {
  const image = parseImage(`docker://${registry}/team/app:v1`);
  if (image === undefined) return 'no image';
  try {
    requireRegistry(image, registries);
    return undefined;
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
};

test('a metadata service is no registry, however its address is written, unless the operator names it', (t) => {
  for (const host of [
    ...['169.254.169.254', '169.254.169.254:80', '2852039166:80', '0xa9fea9fe:80', '169.254.1', '0.0.0.0', '0:80'],
    ...[
      '[fe80::1]',
      '[FE80::1]:5000',
      '[::ffff:169.254.169.254]:80',
      '[fd00:ec2::254]',
      '[fd00:EC2:0::254]:80',
      '[::]:80',
    ],
    ...['metadata.google.internal', 'METADATA.google.internal:80'],
  ]) {
    t.is(refusal(host), 'not_permitted', host);
    t.is(refusal(host, [host]), undefined, host);
    t.is(refusal(host, ['docker.io']), 'not_permitted', host);
  }
  for (const host of [
    'docker.io',
    'localhost:5000',
    '127.0.0.1:5000',
    '10.0.0.5:5000',
    '[fd00::5]:5000',
    'fe80.example:443',
  ])
    t.is(refusal(host), undefined, host);
});
