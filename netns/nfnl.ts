// Transactions of nf_tables and requests to conntrack over one nfnetlink socket.
import { constants } from 'node:os';
import { codeOf, SysError } from '../linux/errors.js';
import { NETLINK_NETFILTER, NetlinkSocket } from '../linux/netlink-socket.js';
import { NLM_F, NLMSG } from './netlink/constants.js';
import { parseAcknowledgement } from './netlink/message.js';
import { batchBegin, batchEnd } from './netlink/nfnetlink.js';
import { NetlinkClient, type Request, refusal, type Transport } from './netlink-client.js';

const { EOPNOTSUPP, EPERM } = constants.errno;
const FLAGS_OFFSET = 6;
// A batch is one datagram, and a datagram must fit into the send buffer; nothing is allocated before it is needed.
const SEND_BUFFER_BYTES = 16 * 1024 * 1024;

export class Nfnl extends NetlinkClient {
  /** Opens in the calling thread's namespace. Throws SysError; EPROTONOSUPPORT names what the kernel lacks. */
  constructor(socket: Transport = open()) {
    super(socket);
  }

  /**
   * All requests as one transaction: either every one of them is in force afterwards, or none. Returns false, with
   * nothing changed, when a request was answered with an errno that it tolerates; throws SysError for the first other
   * failure. An abort waits for RCU (tens of ms), so tolerated failures are for what is rare.
   */
  commit(requests: readonly Request[]): boolean {
    const last = requests.at(-1);
    if (last === undefined) return true;
    // Failures are always answered, successes only on request: one answer instead of thousands.
    last.message.writeUInt16LE(last.message.readUInt16LE(FLAGS_OFFSET) | NLM_F.ACK, FLAGS_OFFSET);
    const first = this.post([batchBegin(), ...requests.map(({ message }) => message), batchEnd()]);
    let tolerated = false;
    let failure: SysError | undefined;
    for (let open = true; open; ) {
      for (const reply of this.read()) {
        const position = reply.sequence - first - 1;
        if (reply.type !== NLMSG.ERROR || position < -1 || position >= requests.length) continue;
        if (position === requests.length - 1) open = false;
        const { errno, text } = parseAcknowledgement(reply);
        if (errno === 0) continue;
        const request = requests[position];
        // What concerns the batch as a whole is answered to its opening message, and nothing comes behind it.
        if (request === undefined) throw batchRefusal(errno, text, last);
        if (request.tolerate?.includes(errno) === true) tolerated = true;
        else failure ??= refusal(request, errno, text);
      }
    }
    if (failure !== undefined) throw failure;
    return !tolerated;
  }
}

function batchRefusal(errno: number, text: string | undefined, request: Request): SysError {
  if (errno === EOPNOTSUPP) text = 'this kernel has no nf_tables (CONFIG_NF_TABLES, module nf_tables)';
  if (errno === EPERM) text = 'changing the firewall takes CAP_NET_ADMIN';
  return refusal(request, errno, text);
}

function open(): Transport {
  try {
    return NetlinkSocket.open(NETLINK_NETFILTER, SEND_BUFFER_BYTES);
  } catch (error) {
    if (codeOf(error) !== 'EPROTONOSUPPORT') throw error;
    const note = 'this kernel has no nfnetlink (CONFIG_NETFILTER_NETLINK, module nfnetlink)';
    throw new SysError('socket', constants.errno.EPROTONOSUPPORT, { path: 'netlink', note });
  }
}
