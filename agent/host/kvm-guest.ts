// The child of kvm.ts: runs the guest and prints what became of it. A process of its own because KVM_RUN may never return.
import { runLongModeGuest, withKvm } from '../../linux/kvm.js';

process.stdout.write(withKvm((fd) => runLongModeGuest(fd)));
