import test from 'ava';
import { Users } from '../../../agent/web/users.js';
import { openPasswordHash } from '../../../linux/crypt.js';

// As `htpasswd -nbBC 4` writes it: of "correct horse" and of "ünïcode:with:colons".
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const hash = openPasswordHash();
const setting = '$2y$04$abcdefghijklmnopqrstuu';

async function users(passwords: Readonly<Record<string, string>>): Promise<Users> {
  const hashes = await Promise.all(
    Object.entries(passwords).map(async ([name, password]) => [name, (await hash(password, setting)) ?? ''] as const),
  );
  return new Users(Object.fromEntries(hashes), hash);
}

test('a hash that another tool has made is known, of each of its names', async (t) => {
  // The vectors are those of crypt_blowfish (wrapper.c), from which libxcrypt comes.
  const known = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
  t.is(await hash('U*U', known), known);
  t.is(await hash('U*U', known.replace('2a', '2y')), known.replace('2a', '2y'));
  t.is(await hash('U*U', '$2y$99$nonsense'), undefined);
  t.is(await hash('U*U\0more', known), undefined);
});

test('who has the password is let in, however often, and nobody else', async (t) => {
  const door = await users({ prometheus: 'correct horse', ops: 'ünïcode:with:colons' });
  for (const _ of [1, 2]) {
    t.is(await door.verdict(basic('prometheus', 'correct horse')), 'allowed');
    t.is(await door.verdict(basic('ops', 'ünïcode:with:colons')), 'allowed');
    for (const header of [
      undefined,
      '',
      'Basic',
      'Basic !!!',
      `Basic ${Buffer.from('nocolon').toString('base64')}`,
      'Bearer correct horse',
      basic('prometheus', 'wrong'),
      basic('prometheus', ''),
      basic('prometheus', 'correct horse\0'),
      basic('ops', 'correct horse'),
      basic('nobody', 'correct horse'),
      basic('__proto__', 'correct horse'),
    ])
      t.is(await door.verdict(header), 'denied', header);
  }
});

test('one password is compared at a time, sixteen wait, and more are told to come again', async (t) => {
  let [atOnce, most] = [0, 0];
  const waiting: (() => void)[] = [];
  const slow = new Users({ a: 'hash' }, async () => {
    most = Math.max(most, ++atOnce);
    await new Promise<void>((resolve) => waiting.push(resolve));
    atOnce--;
    return 'other';
  });
  const verdicts = Array.from({ length: 20 }, (_, at) => slow.verdict(basic('a', String(at))));
  t.deepEqual(await Promise.all(verdicts.slice(16)), ['busy', 'busy', 'busy', 'busy']);
  for (let done = 0; done < 16; done++) {
    while (waiting.length === 0) await new Promise(setImmediate);
    waiting.shift()?.();
  }
  t.deepEqual([...new Set(await Promise.all(verdicts.slice(0, 16)))], ['denied']);
  t.is(most, 1);
  const again = slow.verdict(basic('a', 'later'));
  while (waiting.length === 0) await new Promise(setImmediate);
  waiting.shift()?.();
  t.is(await again, 'denied');
});
