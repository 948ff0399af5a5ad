// Message framing (struct nlmsghdr) and acknowledgements. See netlink(7) and Documentation/userspace-api/netlink.
import { align, eachAttribute, readText } from './attribute.js';
import { NLM_F, NLMSG, NLMSGERR_ATTR } from './constants.js';

/** sizeof(struct nlmsghdr). */
export const HEADER_SIZE = 16;

/** One message inside a received datagram; the payload is `[start, end)` of `buffer`, not copied. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

/** The kernel's answer to a request: errno is 0 for success; `text` is the extended acknowledgement, if any. */
export interface Acknowledgement {
  readonly errno: number;
  readonly text: string | undefined;
}

/** Frames `body` with sequence 0; the sender sets the real one with `setSequence`. */
export function message(type: number, flags: number, ...body: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  const out = Buffer.concat([header, ...body]);
  out.writeUInt32LE(out.length, 0);
  out.writeUInt16LE(type, 4);
  out.writeUInt16LE(flags, 6);
  return out;
}

export function setSequence(request: Buffer, sequence: number): void {
  request.writeUInt32LE(sequence, 8);
}

/** nlmsg_pid: the port of the socket that asked for the change that is notified; 0 where the kernel does not say. */
export function requesterOf(notification: Message): number {
  return notification.buffer.readUInt32LE(notification.start - 4);
}

/** Splits a datagram; a torn tail (shorter than its header says) ends the list. */
export function parseMessages(buffer: Buffer): Message[] {
  const messages: Message[] = [];
  let at = 0;
  while (at + HEADER_SIZE <= buffer.length) {
    const length = buffer.readUInt32LE(at);
    if (length < HEADER_SIZE || at + length > buffer.length) break;
    messages.push({
      type: buffer.readUInt16LE(at + 4),
      flags: buffer.readUInt16LE(at + 6),
      sequence: buffer.readUInt32LE(at + 8),
      buffer,
      start: at + HEADER_SIZE,
      end: at + length,
    });
    at += align(length);
  }
  return messages;
}

/** Reads NLMSG_ERROR (errno 0 is the plain ACK) or NLMSG_DONE, which carries an errno since Linux 4.16. */
export function parseAcknowledgement(reply: Message): Acknowledgement {
  const { buffer, start, end, flags } = reply;
  const errno = end - start >= 4 ? -buffer.readInt32LE(start) || 0 : 0;
  if ((flags & NLM_F.ACK_TLVS) === 0) return { errno, text: undefined };
  let at = start + 4;
  if (reply.type === NLMSG.ERROR) {
    // Without NLM_F_CAPPED the whole request is echoed before the attributes.
    at += (flags & NLM_F.CAPPED) === 0 ? align(buffer.readUInt32LE(start + 4)) : HEADER_SIZE;
  }
  let text: string | undefined;
  eachAttribute(buffer, at, end, (type, from, to) => {
    if (type === NLMSGERR_ATTR.MSG) text = readText(buffer, from, to);
  });
  return { errno, text };
}
