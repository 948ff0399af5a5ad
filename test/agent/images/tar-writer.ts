// Makes tar archives, also those that nobody else makes.

export interface Entry {
  readonly path: string;
  /** Of the header: `0` file, `1` hard link, `2` symbolic link, `3` device, `5` directory, `6` FIFO. */
  readonly type?: string;
  readonly content?: string | Buffer;
  readonly target?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  /** Records of pax. */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
  /** Instead of that of the content. */
  readonly size?: number;
}

const BLOCK = 512;

/** As setcap(8) writes cap_net_bind_service=ep (linux/capability.h, vfs_cap_data). */
export const NET_BIND_SERVICE = Buffer.from('0100000200040000000000000000000000000000', 'hex');

/** A program of every kind that runs with more than its caller has, in /opt. */
export function privileged(): Entry[] {
  return [
    dir('opt'),
    file('opt/setuid', '', { mode: 0o4755 }),
    file('opt/setgid', '', { mode: 0o2755, gid: 1235 }),
    file('opt/capable', '', { mode: 0o755, pax: { 'SCHILY.xattr.security.capability': NET_BIND_SERVICE } }),
  ];
}

export function tarOf(entries: readonly Entry[], end = true): Buffer {
  return Buffer.concat([...entries.map(entryBytes), Buffer.alloc(end ? 2 * BLOCK : 0)]);
}

export const dir = (path: string, more: Partial<Entry> = {}): Entry => ({ path, type: '5', mode: 0o755, ...more });
export const file = (path: string, content: string | Buffer, more: Partial<Entry> = {}): Entry => ({
  path,
  content,
  ...more,
});
export const link = (path: string, target: string): Entry => ({ path, type: '2', target, mode: 0o777 });
export const hardLink = (path: string, target: string): Entry => ({ path, type: '1', target });

function entryBytes(entry: Entry): Buffer {
  const long: Record<string, string | Buffer> = { ...entry.pax };
  if (Buffer.byteLength(entry.path) > 100) long.path = entry.path;
  if (Buffer.byteLength(entry.target ?? '') > 100) long.linkpath = entry.target ?? '';
  const records = Object.entries(long).map(([key, value]) => paxRecord(key, Buffer.from(value as string)));
  const pax = records.length === 0 ? [] : [plain({ path: 'pax', type: 'x', content: Buffer.concat(records) })];
  return Buffer.concat([...pax, plain(entry)]);
}

function plain({ path, type = '0', content = '', target = '', ...more }: Entry): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(BLOCK);
  header.write(path, 0, 100);
  octal(header, more.mode ?? 0o644, 100, 8);
  octal(header, more.uid ?? 0, 108, 8);
  octal(header, more.gid ?? 0, 116, 8);
  octal(header, more.size ?? bytes.length, 124, 12);
  octal(header, more.mtime ?? 1_700_000_000, 136, 12);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(target, 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  octal(
    header,
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    8,
  );
  return Buffer.concat([header, bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
}

function octal(header: Buffer, value: number, at: number, length: number): void {
  header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
