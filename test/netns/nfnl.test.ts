import { constants } from 'node:os';
import test from 'ava';
import { SysError } from '../../linux/errors.js';
import { attribute } from '../../netns/netlink/attribute.js';
import { NLM_F, NLMSG } from '../../netns/netlink/constants.js';
import { type Message, message, parseMessages, setSequence } from '../../netns/netlink/message.js';
import { deleteTable } from '../../netns/netlink/nftables.js';
import { Nfnl } from '../../netns/nfnl.js';

const { EEXIST, EBUSY, EOPNOTSUPP, EPERM } = constants.errno;
const requests = (count: number, tolerate: number[] = []) =>
  Array.from({ length: count }, (_, at) => {
    const message = deleteTable({ family: 1, table: `t${at}` });
    return { message, op: 'OP', path: `t${at}`, tolerate };
  });

function ack(to: Message | undefined, errno: number, words?: string): Buffer {
  const body = Buffer.alloc(20);
  body.writeInt32LE(-errno);
  const told = words === undefined ? [] : [attribute(1, Buffer.from(`${words}\0`))];
  const flags = NLM_F.CAPPED | (words === undefined ? 0 : NLM_F.ACK_TLVS);
  const out = message(NLMSG.ERROR, flags, body, ...told);
  setSequence(out, to?.sequence ?? -1);
  return out;
}

/** `answer` is given the messages of each batch, its opening one first. */
function scripted(answer: (batch: Message[]) => Buffer[]): { nfnl: Nfnl; sent: Message[][] } {
  const queue: Buffer[] = [];
  const sent: Message[][] = [];
  const nfnl = new Nfnl({
    send(data) {
      const batch = parseMessages(data);
      sent.push(batch);
      queue.push(...answer(batch));
    },
    receive: () => queue.shift() ?? Buffer.alloc(0),
    close: () => {},
  });
  return { nfnl, sent };
}

test('a batch is one send between its brackets, and asks for one answer', (t) => {
  const { nfnl, sent } = scripted((batch) => [ack(batch[3], 0)]);
  t.true(nfnl.commit(requests(3)));
  t.is(sent.length, 1);
  t.deepEqual(
    sent[0]?.map(({ type }) => type),
    [16, 0xa02, 0xa02, 0xa02, 17],
  );
  t.deepEqual(
    sent[0]?.map(({ flags }) => (flags & NLM_F.ACK) !== 0),
    [false, false, false, true, false],
  );
  t.true(nfnl.commit([]));
  t.is(sent.length, 1);
});

test('tolerated failures abort and are told; another one is thrown with the words of the kernel', (t) => {
  const { nfnl } = scripted((batch) => [ack(batch[1], EEXIST), ack(batch[2], 0)]);
  t.false(nfnl.commit(requests(2, [EEXIST])));
  const strict = scripted((batch) => [ack(batch[1], EEXIST), ack(batch[2], EBUSY, 'in use'), ack(batch[3], 0)]).nfnl;
  t.is(t.throws(() => strict.commit(requests(3, [EEXIST])))?.message, 'OP t1: EBUSY: in use');
});

test('what concerns the whole batch is told at its opening', (t) => {
  for (const [errno, words] of [
    [EPERM, /takes CAP_NET_ADMIN/],
    [EOPNOTSUPP, /no nf_tables \(CONFIG_NF_TABLES/],
  ] as const) {
    const { nfnl } = scripted((batch) => [ack(batch[0], errno)]);
    const error = t.throws(() => nfnl.commit(requests(2)), { instanceOf: SysError });
    t.is(error.errno, errno);
    t.regex(error.message, words);
  }
});

test('answers of an earlier batch are not taken for this one', (t) => {
  let before: Message[] = [];
  const { nfnl } = scripted((batch) => {
    const stale = before.map((one) => ack(one, EBUSY));
    before = batch;
    return [...stale, ack(batch.at(-2), 0)];
  });
  t.true(nfnl.commit(requests(2)));
  t.true(nfnl.commit(requests(2)));
});
