import { constants } from 'node:os';
import test from 'ava';
import { SysError } from '../../../linux/errors.js';
import { Procfs } from '../../../linux/procfs.js';
import type { Host } from '../../../netns/host.js';
import { eachAttribute, readText } from '../../../netns/netlink/attribute.js';
import { NLM_F, NLMSG, RTM } from '../../../netns/netlink/constants.js';
import { newIfb } from '../../../netns/netlink/link.js';
import { type Message, message, parseMessages, setSequence } from '../../../netns/netlink/message.js';
import { RTM_TC, TCA } from '../../../netns/netlink/traffic-constants.js';
import { Rtnl } from '../../../netns/rtnl.js';
import { applyBandwidth, type ShapingTarget } from '../../../netns/shaping/index.js';

const { ENODEV, ENOENT, EOPNOTSUPP } = constants.errno;
const RATE = { bitsPerSecond: 20e6, burstBytes: null };
const NONE = { ingress: null, egress: null };
const BOTH = { ingress: RATE, egress: RATE };

function kindOf({ buffer, start, end }: Message): string {
  let kind = '';
  eachAttribute(buffer, start + 20, end, (type, from, to) => {
    if (type === TCA.KIND) kind = readText(buffer, from, to);
  });
  return kind;
}

/** A kernel that says yes, but for `refuse`; its IFB appears when it is made. Keeps what was asked, send by send. */
function scripted(refuse: (request: Message, kind: string) => [number, string?] | undefined = () => undefined) {
  const sends: string[][] = [];
  const answers: Buffer[] = [];
  let made = false;
  const answer = (request: Message): string => {
    const kind = request.type >= RTM_TC.NEWQDISC ? kindOf(request) : '';
    const [errno, words] = refuse(request, kind) ?? [request.type === RTM.GETLINK && !made ? ENODEV : 0];
    if (request.type === RTM.NEWLINK && errno === 0) made = true;
    if (request.type === RTM.GETLINK && made) {
      const link = parseMessages(newIfb({ index: 7, name: 'Btx', alias: 'o:1', mtu: 1500 }))[0];
      if (link !== undefined) answers.push(framed(RTM.NEWLINK, 0, request.sequence, link.buffer.subarray(link.start)));
    }
    const body = Buffer.alloc(20);
    body.writeInt32LE(-errno);
    const text = words === undefined ? [] : [attributeText(words)];
    const flags = NLM_F.CAPPED | (words === undefined ? 0 : NLM_F.ACK_TLVS);
    answers.push(framed(NLMSG.ERROR, flags, request.sequence, body, ...text));
    return kind === '' ? String(request.type) : kind;
  };
  const rtnl = new Rtnl({
    send: (data) => sends.push(parseMessages(data).map(answer)),
    receive: () => answers.shift() ?? Buffer.alloc(0),
    close: () => {},
  });
  const host: Host = {
    home: -1,
    rtnl,
    get nfnl(): never {
      throw new Error('shaping has no use for the firewall');
    },
    directoryShared: true,
    procfs: new Procfs(),
    fairQueues: undefined,
    settings: undefined,
    slots: new Map(),
    close: () => {},
  };
  const apply = (bandwidth: ShapingTarget['bandwidth']) =>
    applyBandwidth(host, { hostLink: 'btx', owner: 'o:1', mtu: 1500, bandwidth }, { fresh: 3 });
  return { host, sends, apply };
}

function framed(type: number, flags: number, sequence: number, ...body: Buffer[]): Buffer {
  const out = message(type, flags, ...body);
  setSequence(out, sequence);
  return out;
}

function attributeText(words: string): Buffer {
  const padded = Buffer.alloc((4 + words.length + 1 + 3) & ~3);
  padded.writeUInt16LE(4 + words.length + 1, 0);
  padded.writeUInt16LE(1, 2);
  padded.write(words, 4);
  return padded;
}

test('a new link without limits costs nothing', (t) => {
  const { sends, apply } = scripted();
  apply(NONE);
  t.deepEqual(sends, []);
});

test('a new link with both limits takes four sends, fair queues where the kernel has them', (t) => {
  const { host, sends, apply } = scripted();
  apply(BOTH);
  const { NEWLINK, SETLINK, GETLINK } = RTM;
  t.deepEqual(sends, [
    [String(GETLINK)],
    ['tbf', 'fq_codel', 'ingress', String(NEWLINK), String(SETLINK), String(GETLINK)],
    ['tbf', 'fq_codel', String(SETLINK)],
    ['u32'],
  ]);
  t.true(host.fairQueues);
});

test('a kernel without fq_codel is asked once', (t) => {
  const unknown = (_: Message, kind: string): [number, string] | undefined =>
    kind === 'fq_codel' ? [ENOENT, 'Specified qdisc kind is unknown'] : undefined;
  const { host, sends, apply } = scripted(unknown);
  apply(BOTH);
  apply(BOTH);
  t.false(host.fairQueues);
  t.is(sends.flat().filter((kind) => kind === 'fq_codel').length, 1);
});

test('a wrong value has no effect at all', (t) => {
  const { sends, apply } = scripted();
  const error = t.throws(() => apply({ ingress: RATE, egress: { bitsPerSecond: 0, burstBytes: null } }), {
    instanceOf: SysError,
  });
  t.is(error.errnoName, 'EINVAL');
  t.deepEqual(sends, []);
});

const MISSING: readonly (readonly [string, (request: Message, kind: string) => [number, string?] | undefined])[] = [
  ['sch_tbf', (_, kind) => (kind === 'tbf' ? [ENOENT, 'Specified qdisc kind is unknown'] : undefined)],
  ['sch_ingress', (_, kind) => (kind === 'ingress' ? [ENOENT] : undefined)],
  ['ifb', ({ type }) => (type === RTM.NEWLINK ? [EOPNOTSUPP, 'Unknown device type'] : undefined)],
  ['cls_u32', (_, kind) => (kind === 'u32' ? [ENOENT, 'TC classifier not found'] : undefined)],
  ['act_mirred', (_, kind) => (kind === 'u32' ? [ENOENT, 'Failed to load TC action module'] : undefined)],
];
for (const [module, refuse] of MISSING) {
  test(`a kernel without ${module}: the error says so`, (t) => {
    const { apply } = scripted(refuse);
    t.throws(() => apply(BOTH), { instanceOf: SysError, message: new RegExp(`the kernel has no ${module} `) });
  });
}

test('another error stays as it is', (t) => {
  const { apply } = scripted(({ type }) => (type === RTM.NEWLINK ? [ENODEV] : undefined));
  t.throws(() => apply(BOTH), { instanceOf: SysError, message: /^RTM_NEWLINK ifb Btx: ENODEV$/ });
});
