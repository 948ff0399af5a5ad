// Archives in the format `newc` (initramfs: Documentation/driver-api/early-userspace/buffer-format.rst), which a kernel unpacks
// and busybox reads. Everything belongs to root.

export interface ArchiveEntry {
  /** Relative, without `.` and `..`. */
  readonly path: string;
  /** With the type of the file: S_IFDIR, S_IFREG, S_IFLNK. */
  readonly mode: number;
  readonly content: Uint8Array;
}

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const TRAILER = 'TRAILER!!!';
/** A block device ends on a whole sector. */
const SECTOR = 512;

export function directory(path: string, mode = 0o755): ArchiveEntry {
  return { path, mode: S_IFDIR | mode, content: new Uint8Array() };
}

export function file(path: string, content: string | Uint8Array, mode = 0o644): ArchiveEntry {
  return { path, mode: S_IFREG | mode, content: typeof content === 'string' ? Buffer.from(content) : content };
}

/** The same bytes for the same entries; directories come before what is in them. */
export function archiveOf(entries: readonly ArchiveEntry[]): Buffer {
  const parts = entries.flatMap((entry, at) => member(entry, at + 1));
  const bytes = Buffer.concat([...parts, ...member({ path: TRAILER, mode: 0, content: new Uint8Array() }, 0)]);
  return padded(bytes, SECTOR);
}

function member({ path, mode, content }: ArchiveEntry, inode: number): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const links = (mode & S_IFDIR) === S_IFDIR ? 2 : 1;
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return [padded(Buffer.concat([Buffer.from(header), name]), 4), padded(content, 4)];
}

function padded(bytes: Uint8Array, multiple: number): Buffer {
  const more = (multiple - (bytes.length % multiple)) % multiple;
  return Buffer.concat([bytes, Buffer.alloc(more)]);
}
