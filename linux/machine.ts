// What differs between the machines that berth runs on: x86-64, and arm64, whose numbers are those of asm-generic. Everything else that is
// called by number here is the same on both; of the flags of open(2), O_DIRECTORY, O_NOFOLLOW, O_DIRECT and O_LARGEFILE are not, and
// come from `node:fs`.

/** How struct epoll_event lies in memory: without a gap on x86-64 (__EPOLL_PACKED), aligned elsewhere. */
export interface EpollLayout {
  readonly size: number;
  readonly dataOffset: number;
}

export interface Machine {
  /** As uname(2) has it. */
  readonly uname: string;
  /** Numbers of system calls for which a program of berth has no function. */
  readonly calls: Readonly<Record<'setns' | 'prctl' | 'capset', number>>;
  readonly epollEvent: EpollLayout;
}

/** By Node's name of the architecture. */
export const MACHINES: Readonly<Record<'x64' | 'arm64', Machine>> = {
  x64: {
    uname: 'x86_64',
    calls: { setns: 308, prctl: 157, capset: 126 },
    epollEvent: { size: 12, dataOffset: 4 },
  },
  arm64: {
    uname: 'aarch64',
    calls: { setns: 268, prctl: 167, capset: 91 },
    epollEvent: { size: 16, dataOffset: 8 },
  },
};

/** In bytes. Kernels of arm64 are built for pages of 4, 16 or 64 KiB, those of x86-64 for 4 KiB: what must hold on each counts with this. */
export const LARGEST_PAGE = 65_536;
