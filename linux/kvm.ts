// ioctls of /dev/kvm (Documentation/virt/kvm/api.rst), as far as a probe needs them. x86-64 only where it says so.
import { closeSync, openSync } from 'node:fs';
import { sysErrorFrom } from './errors.js';
import { check, func } from './libc.js';

const KVM_GET_API_VERSION = 0xae00;
const KVM_CREATE_VM = 0xae01;
const KVM_GET_VCPU_MMAP_SIZE = 0xae04;
const KVM_CREATE_VCPU = 0xae41;
const KVM_RUN = 0xae80;
const KVM_SET_USER_MEMORY_REGION = 0x4020ae46;
const KVM_SET_REGS = 0x4090ae82;
const KVM_GET_SREGS = 0x8138ae83;
const KVM_SET_SREGS = 0x4138ae84;
const KVM_GET_SUPPORTED_CPUID = 0xc008ae05;
const KVM_SET_CPUID2 = 0x4008ae90;

const ioctl = func('int ioctl(int fd, unsigned long request, _Inout_ void *argument)');
const ioctlNumber = func('int ioctl(int fd, unsigned long request, long argument)');
// Addresses travel as numbers, below 2^47 in user space, because KVM wants them inside its structures.
const mmap = func('int64_t mmap(int64_t address, size_t length, int protection, int flags, int fd, int64_t offset)');
const copyIn = func('int64_t memcpy(int64_t to, const void *from, size_t length)');
const copyOut = func('int64_t memmove(_Out_ void *to, int64_t from, size_t length)');

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_ANONYMOUS = 0x20;

const GUEST_MEMORY = 2 * 1024 * 1024;
const CODE = 0x4000;
const PORT = 0x10;
const MARK = 0x42;
const KVM_EXIT_IO = 2;
const MOST_LEAVES = 512;

/** One leaf of the CPUID that KVM can give to a guest. */
export interface CpuidLeaf {
  readonly leaf: number;
  readonly ecx: number;
  readonly edx: number;
}

/** Opens the device for `use` and closes it after. Throws SysError (ENOENT: no KVM, EACCES: not allowed). */
export function withKvm<T>(use: (fd: number) => T, device = '/dev/kvm'): T {
  let fd: number;
  try {
    fd = openSync(device, 'r+');
  } catch (error) {
    throw sysErrorFrom(error, 'open', device);
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** 12 on every kernel since 2007. */
export function apiVersion(fd: number): number {
  return call(fd, KVM_GET_API_VERSION, 0);
}

/** x86-64. Throws SysError. */
export function supportedCpuid(fd: number): CpuidLeaf[] {
  const bytes = cpuidBytes(fd);
  return Array.from({ length: bytes.readUInt32LE(0) }, (_, index) => {
    const at = 8 + 40 * index;
    return { leaf: bytes.readUInt32LE(at), ecx: bytes.readUInt32LE(at + 20), edx: bytes.readUInt32LE(at + 24) };
  });
}

/**
 * x86-64. Runs a guest that starts in 64-bit mode with paging, writes through its page table, asks CPUID, and says so by
 * an OUT. Returns what it left: `out` when right, otherwise the exit reason. May never return: call it in a process that
 * can be killed. Throws SysError.
 */
export function runLongModeGuest(fd: number): 'out' | `exit ${number}` {
  const vm = call(fd, KVM_CREATE_VM, 0);
  const memory = map(GUEST_MEMORY, MAP_SHARED | MAP_ANONYMOUS, -1);
  copyIn(memory, guestImage(), CODE + 64);
  const region = Buffer.alloc(32);
  region.writeBigUInt64LE(BigInt(GUEST_MEMORY), 16);
  region.writeBigUInt64LE(BigInt(memory), 24);
  pass(vm, KVM_SET_USER_MEMORY_REGION, region);
  const cpu = call(vm, KVM_CREATE_VCPU, 0);
  pass(cpu, KVM_SET_CPUID2, cpuidBytes(fd));
  const sregs = Buffer.alloc(312);
  pass(cpu, KVM_GET_SREGS, sregs);
  pass(cpu, KVM_SET_SREGS, longMode(sregs));
  const regs = Buffer.alloc(144);
  regs.writeBigUInt64LE(BigInt(CODE), 128);
  regs.writeBigUInt64LE(2n, 136);
  pass(cpu, KVM_SET_REGS, regs);
  const run = map(call(fd, KVM_GET_VCPU_MMAP_SIZE, 0), MAP_SHARED, cpu);
  call(cpu, KVM_RUN, 0);
  const state = Buffer.alloc(8192);
  copyOut(state, run, state.length);
  const reason = state.readUInt32LE(8);
  const data = Number(state.readBigUInt64LE(40));
  const marked = reason === KVM_EXIT_IO && state.readUInt16LE(34) === PORT && state.readUInt8(data) === MARK;
  return marked ? 'out' : `exit ${reason}`;
}

/** Page tables at 0x1000 (one 2 MiB page, identity) and the code at CODE. */
function guestImage(): Buffer {
  const image = Buffer.alloc(CODE + 64);
  image.writeBigUInt64LE(0x2003n, 0x1000);
  image.writeBigUInt64LE(0x3003n, 0x2000);
  image.writeBigUInt64LE(0x83n, 0x3000);
  // xor eax,eax; cpuid; movabs rbx,0x100000; mov byte [rbx],MARK; mov al,[rbx]; out PORT,al; hlt
  const code = [0x31, 0xc0, 0x0f, 0xa2, 0x48, 0xbb, 0, 0, 0x10, 0, 0, 0, 0, 0, 0xc6, 0x03, MARK, 0x8a, 0x03];
  image.set([...code, 0xe6, PORT, 0xf4], CODE);
  return image;
}

/** struct kvm_sregs: eight segments of 24 bytes, two tables of 16, then cr0 at 224, cr3, cr4, efer at 264. */
function longMode(sregs: Buffer): Buffer {
  const segment = (index: number, selector: number, type: number, long: 0 | 1): void => {
    const at = index * 24;
    sregs.writeBigUInt64LE(0n, at);
    sregs.writeUInt32LE(0xffffffff, at + 8);
    sregs.writeUInt16LE(selector, at + 12);
    // type, present, dpl, db, s, l, g, avl, unusable
    sregs.set([type, 1, 0, long === 1 ? 0 : 1, 1, long, 1, 0, 0], at + 14);
  };
  segment(0, 8, 11, 1);
  for (const index of [1, 2, 3, 4, 5]) segment(index, 16, 3, 0);
  sregs.writeBigUInt64LE(0x8000_0011n, 224);
  sregs.writeBigUInt64LE(0x1000n, 240);
  sregs.writeBigUInt64LE(0x20n, 248);
  sregs.writeBigUInt64LE(0x500n, 264);
  return sregs;
}

function cpuidBytes(fd: number): Buffer {
  const bytes = Buffer.alloc(8 + 40 * MOST_LEAVES);
  bytes.writeUInt32LE(MOST_LEAVES, 0);
  pass(fd, KVM_GET_SUPPORTED_CPUID, bytes);
  return bytes;
}

function map(length: number, flags: number, fd: number): number {
  const address = mmap(0, length, PROT_READ_WRITE, flags, fd, 0);
  return check(address, 'mmap', { path: '/dev/kvm' });
}

function call(fd: number, request: number, argument: number): number {
  return check(ioctlNumber(fd, request, argument), 'ioctl', detail(request));
}

function pass(fd: number, request: number, bytes: Buffer): void {
  check(ioctl(fd, request, bytes), 'ioctl', detail(request));
}

function detail(request: number): { path: string; value: string } {
  return { path: '/dev/kvm', value: `0x${request.toString(16)}` };
}
