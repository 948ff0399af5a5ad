// inotify on directories of cgroups. One watch on a directory tells of all its files: kernfs_notify() (fs/kernfs/file.c)
// and write(2) alike tell the parent directory. That a cgroup is removed is told to the directory that it was in, as
// IN_DELETE; its own gets no IN_DELETE_SELF up to Linux 6.18 at least.
import { constants } from 'node:os';
import { basename, dirname } from 'node:path';
import { EPOLLIN, EPOLLONESHOT } from '../../linux/epoll.js';
import { SysError } from '../../linux/errors.js';
import {
  IN_DELETE,
  IN_IGNORED,
  IN_MODIFY,
  IN_ONLYDIR,
  IN_Q_OVERFLOW,
  Inotify,
  type InotifyEvent,
} from '../../linux/inotify.js';
import { EventsReader, eventsBuffer } from '../events.js';
import { WatchedCgroup } from './cgroup-watch.js';
import type { Poller } from './poller.js';
import type { CgroupSignal, CgroupWatch } from './types.js';

/** The same for all, so that a directory may be a watched one and the parent of others: the kernel has one mask for it. */
const MASK = IN_MODIFY | IN_DELETE | IN_ONLYDIR;
/** Written to hand controllers down: children may have files that they had not before. */
const HANDED_DOWN = 'cgroup.subtree_control';
const COALESCE_MS = 10;
/** Told in a row before others have their turn on the main loop. */
const TURN_MS = 4;

interface Directory {
  readonly wd: number;
  readonly watched: Set<WatchedCgroup>;
  readonly children: Set<WatchedCgroup>;
}

interface Place {
  readonly own: Directory;
  readonly parent: Directory;
}

export class Directories {
  readonly #poller: Poller;
  readonly #onError: (error: unknown) => void;
  // By number and not by path: a directory of the same name may be made before the end of the old one is read.
  readonly #directories = new Map<number, Directory>();
  readonly #places = new Map<WatchedCgroup, Place>();
  readonly #dirty = new Set<WatchedCgroup>();
  readonly #buffer = eventsBuffer();
  #inotify: Inotify | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(poller: Poller, onError: (error: unknown) => void) {
    this.#poller = poller;
    this.#onError = onError;
  }

  watch(dir: string, listener: (signal: CgroupSignal) => void): CgroupWatch {
    const reader = EventsReader.open(dir, this.#buffer);
    if (reader === undefined) throw new SysError('watch', constants.errno.ENOENT, { path: dir });
    const held: Directory[] = [];
    try {
      const own = this.#hold(dir);
      held.push(own);
      const parent = this.#hold(dirname(dir));
      held.push(parent);
      const events = reader.read();
      if (events === undefined) throw new SysError('watch', constants.errno.ENOENT, { path: dir });
      const cgroup = new WatchedCgroup(dir, reader, events, listener);
      this.#places.set(cgroup, { own, parent });
      own.watched.add(cgroup);
      parent.children.add(cgroup);
      return {
        get events() {
          return cgroup.events;
        },
        close: () => this.#drop(cgroup),
      };
    } catch (error) {
      reader.close();
      for (const directory of held) this.#release(directory);
      throw error;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const cgroup of this.#places.keys()) cgroup.close();
    this.#places.clear();
    this.#directories.clear();
    this.#dirty.clear();
    this.#inotify?.close();
  }

  #hold(path: string): Directory {
    this.#inotify ??= this.#open();
    const wd = this.#inotify.add(path, MASK);
    const known = this.#directories.get(wd);
    if (known !== undefined) return known;
    const directory = { wd, watched: new Set<WatchedCgroup>(), children: new Set<WatchedCgroup>() };
    this.#directories.set(wd, directory);
    return directory;
  }

  #release({ wd, watched, children }: Directory): void {
    if (watched.size > 0 || children.size > 0) return;
    if (this.#directories.delete(wd)) this.#inotify?.remove(wd);
  }

  #drop(cgroup: WatchedCgroup): void {
    cgroup.close();
    const place = this.#places.get(cgroup);
    if (place === undefined) return;
    this.#places.delete(cgroup);
    this.#dirty.delete(cgroup);
    place.own.watched.delete(cgroup);
    place.parent.children.delete(cgroup);
    this.#release(place.own);
    this.#release(place.parent);
  }

  #open(): Inotify {
    const inotify = Inotify.open();
    const polled = this.#poller.add(inotify.fd, EPOLLIN | EPOLLONESHOT, {
      ready: () => {
        try {
          for (const event of inotify.read()) this.#take(event);
        } finally {
          polled.rearm();
        }
      },
      lost: () => this.#lookAgain(),
    });
    return inotify;
  }

  #take({ wd, mask, name }: InotifyEvent): void {
    if ((mask & IN_Q_OVERFLOW) !== 0) this.#lookAgain();
    const directory = this.#directories.get(wd);
    if (directory === undefined) return;
    if ((mask & IN_DELETE) !== 0) {
      for (const child of directory.children) if (basename(child.dir) === name) this.#soon(child);
    } else if ((mask & IN_IGNORED) !== 0) {
      for (const cgroup of directory.watched) this.#soon(cgroup);
    } else {
      for (const cgroup of directory.watched) if (cgroup.noteChange(name)) this.#soon(cgroup);
      if (name !== HANDED_DOWN) return;
      for (const child of directory.children) child.noteControllers();
    }
  }

  #lookAgain(): void {
    for (const cgroup of this.#places.keys()) {
      cgroup.noteLost();
      this.#soon(cgroup);
    }
  }

  #soon(cgroup: WatchedCgroup): void {
    this.#dirty.add(cgroup);
    this.#timer ??= setTimeout(this.#tell, COALESCE_MS);
  }

  readonly #tell = (): void => {
    this.#timer = undefined;
    const until = performance.now() + TURN_MS;
    for (const cgroup of this.#dirty) {
      if (performance.now() > until) {
        this.#timer ??= setTimeout(this.#tell, 0);
        return;
      }
      this.#dirty.delete(cgroup);
      try {
        if (!cgroup.tell()) this.#drop(cgroup);
      } catch (error) {
        this.#onError(error);
      }
    }
  };
}
