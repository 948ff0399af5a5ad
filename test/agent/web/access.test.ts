import test from 'ava';
import { refusalOf } from '../../../agent/web/access.js';

const NAMES = new Set(['node-1', 'node-1.example.com']);
const OURS = 'node-1:9464';

const CASES: readonly (readonly [
  what: string,
  headers: Readonly<Record<string, string>>,
  status: number | undefined,
])[] = [
  ['an address', { host: '127.0.0.1:9464' }, undefined],
  ['an address from outside of a port forward', { host: '192.0.2.7' }, undefined],
  ['an IPv6 address', { host: '[2001:db8::1]:9464' }, undefined],
  ['no Host, as HTTP/1.0 may', {}, undefined],
  ['localhost', { host: 'localhost:9464' }, undefined],
  ['the name of the node, in other letters and with its dot', { host: 'Node-1.Example.com.:9464' }, undefined],
  ['a name of somebody else that leads here', { host: 'attacker.example:9464' }, 421],
  ['a name that begins as ours', { host: 'node-1.attacker.example' }, 421],
  ['a name below localhost', { host: 'x.localhost' }, 421],
  ['an address spelt as a name', { host: '127.0.0.1.nip.example' }, 421],
  ['an IPv6 address without brackets', { host: '2001:db8::1' }, 400],
  ['a Host that is none', { host: 'a b' }, 400],
  ['an empty Host', { host: '' }, 400],
  ['user and password in the Host', { host: 'a@127.0.0.1' }, 400],
  ['our own page', { host: OURS, origin: `http://${OURS}`, 'sec-fetch-site': 'same-origin' }, undefined],
  ['an address typed by a person', { host: OURS, 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, undefined],
  [
    'a link that a person follows',
    { host: OURS, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    undefined,
  ],
  [
    'a frame in a page of somebody else',
    { host: OURS, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    403,
  ],
  ['a script of another page', { host: OURS, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 403],
  ['a script of a page on another port', { host: OURS, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }, 403],
  ['another origin, of a browser without Fetch Metadata', { host: OURS, origin: 'http://attacker.example' }, 403],
  ['another port of ours as origin', { host: OURS, origin: 'http://node-1:80' }, 403],
  ['a page without an origin', { host: OURS, origin: 'null' }, 403],
];

for (const [what, headers, status] of CASES)
  test(`${status === undefined ? 'is answered' : `gets ${status}`}: ${what}`, (t) => {
    t.is(refusalOf(headers, NAMES)?.status, status);
  });
