// What the package makes of a host: how exposed its units are, what it opens to other users, and what a purge leaves.
import type { Host } from '../lab/host.js';
import { scoreIn } from '../systemd/exposure.js';
import { sh } from './scenario.js';

const AS_NOBODY = 'setpriv --reuid=65534 --regid=65534 --clear-groups';
const PLACES = '/run/berth /var/lib/berth /run/berth-agents';
/** What a workload of any user reads to resolve names. */
const FOR_ALL = /^\/run\/berth\/(?:workloads\/[^/]+\/)?(?:hosts|resolv\.conf|hostname)$/;

export async function exposureOf(host: Host, unit: string): Promise<{ readonly score: number; readonly json: string }> {
  const analyse = 'systemd-analyze security --no-pager';
  const text = await sh(host, `${analyse} ${unit} | tail -1; ${analyse} --json=short ${unit}`);
  const [score = '', json = ''] = text.split('\n');
  return { score: scoreIn(score), json };
}

export interface OpenToOthers {
  readonly sockets: readonly string[];
  /** What a user who is nobody's may read or write below the directories of berth, and should not. */
  readonly open: readonly string[];
  /** How each attempt to connect to a socket has ended. */
  readonly reached: readonly string[];
}

/** Walks and connects as a user that owns nothing. */
export async function openToOthers(host: Host): Promise<OpenToOthers> {
  const lines = async (script: string) => (await sh(host, `${script} 2>/dev/null; true`)).split('\n').filter(Boolean);
  const sockets = await lines('find /run/berth -type s');
  const files = await lines(`${AS_NOBODY} find ${PLACES} ! -type d ! -type l \\( -readable -o -writable \\)`);
  const directories = await lines(`${AS_NOBODY} find ${PLACES} -type d -writable`);
  const open = [...files, ...directories].filter((path) => !FOR_ALL.test(path));
  const connect = (socket: string) =>
    `${AS_NOBODY} node -e 'require("net").connect("${socket}").on("error", (e) => console.log(e.code)).on("connect", () => { console.log("connected"); process.exit(); })'`;
  const reached = await lines(sockets.map(connect).join('\n'));
  return { sockets, open, reached };
}

/**
 * Purges, as dpkg would, while a process that another runtime has started is in the sandbox of workload `id`; what the script says, whether
 * the rules are as before, and what is left. The agent runs again afterwards.
 */
export function purgeBeside(host: Host, id: string): Promise<string> {
  return sh(
    host,
    `rules() { nft -s list table inet berth | grep -v 'counter\\|expires'; }
ip netns exec berth-${id} sleep 1000000 < /dev/null > /dev/null 2>&1 & other=$!
until [ "$(ip netns pids berth-${id})" = "$other" ]; do sleep 0.2; done
systemctl stop berth
rules > /run/rules.before
/var/lib/dpkg/info/berth.postrm purge
rules | cmp - /run/rules.before && echo 'rules as before'
cat /proc/sys/net/ipv4/ip_forward; ls /var/lib/berth/workloads
systemctl is-active berth-workloads
kill $other; systemctl start berth`,
  );
}
