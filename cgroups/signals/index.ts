// The door of this room.
export { openSignals } from './signals.js';
export type {
  CgroupSignal,
  CgroupWatch,
  PsiTrigger,
  Signals,
  SignalsOptions,
  Watch,
} from './types.js';
