// The secrets of secrets.kernel.test.ts: one for each place where somebody gives one to the agent or to the command, by right
// or by mistake. None is a part of another, and none comes about by chance.
import { createServer, type Server } from 'node:http';
import { get } from 'node:https';
import { LOOPBACK } from '../agent/control/loopback-certificate.js';

const secret = (of: string): string => `zq-${of}-7f3e9b`;

export const SECRETS = {
  // Files that the configuration names.
  token: secret('bearer'),
  rudeToken: secret('bearer-of-rude'),
  password: secret('basic-password'),
  /** Salt of the bcrypt hash, and so in all of it. */
  hash: '$2y$04$abcdefghijklmnopqrstuu',
  key: (LOOPBACK.key.split('\n')[1] ?? '').slice(0, 40),
  // Secrets of workloads: a file of the node, and a credential of systemd.
  mounted: secret('mounted'),
  credential: secret('credential'),
  // The environment and the flags of the agent and of the command.
  proxy: secret('proxy'),
  ambient: secret('ambient'),
  flag: secret('flag'),
  variable: secret('variable'),
  address: secret('connect-password'),
  addressQuery: secret('connect-query'),
  // The configuration, at the wrong place or in the wrong form.
  url: secret('url'),
  query: secret('query'),
  misplacedToken: secret('misplaced-token'),
  misplacedUrl: secret('misplaced-url'),
  unknownKey: secret('unknown-key'),
  listen: secret('listen-password'),
  // What peers send: a scheduler that refuses, a client of the web listener, one of the local socket.
  setCookie: secret('set-cookie'),
  location: secret('location'),
  body: secret('body'),
  wrongPassword: secret('wrong-password'),
  cookie: secret('cookie'),
  webQuery: secret('web-query'),
  socketHeader: secret('socket-header'),
  socketQuery: secret('socket-query'),
} as const;

/** Of workloads: told to whoever may change the workload, and to nobody else. */
export const VARIABLES = {
  plain: secret('env-none'),
  sandbox: secret('env-sandbox'),
  oci: secret('env-oci'),
  bundle: secret('env-bundle'),
  updated: secret('env-updated'),
  reserved: secret('env-reserved'),
  file: secret('env-file'),
  content: secret('content'),
  otherContent: secret('content-changed'),
  wrongFile: secret('env-wrong-file'),
  wrong: secret('env-wrong'),
  text: secret('env-text'),
  unquoted: secret('unquoted'),
} as const;

/** Sections that must be refused, and without the value. */
export const WRONG_CONFIGURATIONS: readonly string[] = [
  `[[control.scheduler]]\nurl = "wss://user:${SECRETS.url}@scheduler.invalid"`,
  `[[control.scheduler]]\nurl = "wss://scheduler.invalid?token=${SECRETS.query}"`,
  `[[control.scheduler]]\nurl = "wss://scheduler.invalid"\ntoken_file = "${SECRETS.misplacedToken}"`,
  `scheduler = "wss://user:${SECRETS.misplacedUrl}@scheduler.invalid"`,
  `socket = "wss://user:${SECRETS.misplacedUrl}@scheduler.invalid"`,
  `[[control.scheduler]]\nurl = "wss://scheduler.invalid"\ntoken = "${SECRETS.unknownKey}"`,
  `[metrics]\nseries = "user:${SECRETS.listen}@127.0.0.1:9464"`,
  `[[control.scheduler]]\nurl = "wss://scheduler.invalid"\ntoken = ${SECRETS.unknownKey}`,
  `[[control.scheduler]]\nurl = "wss://scheduler.invalid"\ntoken = "${SECRETS.unknownKey}`,
];

export interface WrongCommand {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

const { flag, variable, address, addressQuery, listen } = SECRETS;
/** Commands that fail, and whose errors name the mistake without the secret. */
export const WRONG_COMMANDS: readonly WrongCommand[] = [
  { args: ['agent', `--control.token=${flag}`] },
  { args: ['config', 'check', '--web.password', flag] },
  { args: ['config', 'check'], env: { BERTH_CONTROL_TOKEN: variable } },
  { args: ['config', 'check'], env: { BERTH_WEB_LISTEN: `user:${listen}@127.0.0.1:9464` } },
  { args: ['config', 'check'], env: { BERTH_CONTROL_SCHEDULER: `wss://user:${variable}@scheduler.invalid` } },
  { args: ['node', 'status', '--connect', `wss://user:${address}@127.0.0.1:1`] },
  { args: ['node', 'status', '--connect', `ws://127.0.0.1:1/?token=${addressQuery}`] },
  { args: ['node', 'status', '--connect', `user:${address}@127.0.0.1`] },
  { args: ['node', 'status', '--connect', `wss://user:${address}/${address}@:x`] },
  { args: ['workload', 'list'], env: { BERTH_CONNECT: `wss://user:${address}@127.0.0.1:1` } },
  { args: ['workload', 'create', '-f', '-'], input: `{"exec": {"env": {"A": ${VARIABLES.unquoted}}}}` },
];

/** A scheduler that refuses every agent, each time with other words that are none of the log's business. */
export function startRudeScheduler(): Promise<{ readonly server: Server; readonly refused: () => number }> {
  let refused = 0;
  const answers = [
    `401 Unauthorized\r\nSet-Cookie: session=${SECRETS.setCookie}\r\nWWW-Authenticate: Bearer realm="${SECRETS.body}"`,
    `302 Found\r\nLocation: wss://user:${SECRETS.location}@scheduler.invalid/?token=${SECRETS.location}`,
    `101 Switching Protocols\r\nUpgrade: ${SECRETS.body}\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${SECRETS.body}`,
  ];
  const server = createServer();
  server.on('upgrade', (_request, socket) => {
    const { body } = SECRETS;
    socket.end(
      `HTTP/1.1 ${answers[refused++ % answers.length]}\r\nX-Trace: ${body}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ server, refused: () => refused }));
  });
}

/** A page of the web listener, by TLS. */
export function page(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, headers, ca: LOOPBACK.cert, agent: false }, (answer) => {
      let text = JSON.stringify(answer.headers);
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    request.once('error', reject);
  });
}
