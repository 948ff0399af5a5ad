import { constants } from 'node:os';
import test from 'ava';
import { SysError } from '../../linux/errors.js';
import { attribute } from '../../netns/netlink/attribute.js';
import { NLM_F, NLMSG } from '../../netns/netlink/constants.js';
import { setLink } from '../../netns/netlink/link.js';
import { message, parseMessages, setSequence } from '../../netns/netlink/message.js';
import { Rtnl, type Transport } from '../../netns/rtnl.js';

const { EAGAIN, EBUSY, ENOBUFS } = constants.errno;

/** Plays the kernel: `answer` gets the sequence numbers of each send and returns what will be received. */
class Script implements Transport {
  readonly sent: number[][] = [];
  #queue: (Buffer | Error)[] = [];
  readonly #answer: (sequences: number[], round: number) => (Buffer | Error)[];

  constructor(answer: (sequences: number[], round: number) => (Buffer | Error)[]) {
    this.#answer = answer;
  }

  send(data: Buffer): void {
    const sequences = parseMessages(data).map(({ sequence }) => sequence);
    this.sent.push(sequences);
    this.#queue.push(...this.#answer(sequences, this.sent.length));
  }

  receive(): Buffer {
    const next = this.#queue.shift();
    if (next === undefined) throw new SysError('recv', EAGAIN);
    if (next instanceof Error) throw next;
    return next;
  }

  close(): void {}
}

function reply(sequence: number, type: number, flags: number, ...body: Buffer[]): Buffer {
  const out = message(type, flags, ...body);
  setSequence(out, sequence);
  return out;
}

function ack(sequence: number, errno = 0, text?: string): Buffer {
  const body = Buffer.alloc(20);
  body.writeInt32LE(-errno);
  if (text === undefined) return reply(sequence, NLMSG.ERROR, NLM_F.CAPPED, body);
  return reply(sequence, NLMSG.ERROR, NLM_F.CAPPED | NLM_F.ACK_TLVS, body, attribute(1, Buffer.from(`${text}\0`)));
}

const request = (op: string) => ({ message: setLink({ index: 1 }), op, path: 'x0' });

test('one send, one answer each, stale answers are skipped', (t) => {
  const script = new Script(([a = 0, b = 0]) => [ack(a + 500, EBUSY), Buffer.concat([ack(a), ack(b, EBUSY)])]);
  const rtnl = new Rtnl(script);
  t.deepEqual(rtnl.transact([request('A'), { ...request('B'), tolerate: [EBUSY] }]), [0, EBUSY]);
  t.deepEqual(rtnl.transact([]), []);
  t.is(script.sent.length, 1);
});

test('the first failure is thrown with the words of the kernel, after all answers were read', (t) => {
  const script = new Script(([a = 0, b = 0]) => (b === 0 ? [ack(a)] : [ack(a, EBUSY, 'held by x1'), ack(b, EBUSY)]));
  const rtnl = new Rtnl(script);
  const error = t.throws(() => rtnl.transact([request('A'), request('B')]), { instanceOf: SysError });
  t.is(error.message, 'A x0: EBUSY: held by x1');
  t.deepEqual(rtnl.transact([request('C')]), [0]);
});

test('an interrupted dump is repeated from the start', (t) => {
  const part = (sequence: number, flags: number) => reply(sequence, 16, flags, Buffer.alloc(16));
  const done = (sequence: number) => reply(sequence, NLMSG.DONE, 0, Buffer.alloc(4));
  const script = new Script(([a = 0], round) => [part(a, round < 3 ? NLM_F.DUMP_INTR : 0), part(a, 0), done(a)]);
  t.is(new Rtnl(script).links(() => true, { counters: false }).length, 2);
  t.is(script.sent.length, 3);
  const never = new Script(([a = 0]) => [part(a, NLM_F.DUMP_INTR), done(a)]);
  t.throws(() => new Rtnl(never).links(() => true, { counters: false }), { message: /EAGAIN: the table changed/ });
});

test('dropped answers are an error that says so', (t) => {
  const script = new Script(() => [new SysError('recv', ENOBUFS)]);
  t.throws(() => new Rtnl(script).transact([request('A')]), { message: /ENOBUFS: the kernel dropped answers/ });
});
