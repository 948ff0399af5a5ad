// A websocket from the first packet to the end of its handshake, as a client: ends by a signal, whatever the peer does. The
// timeouts of node:http and ws begin anew with each byte.
import type { WebSocket } from 'ws';

/**
 * Resolves when the socket is open. Rejects when it cannot be, and with the reason of the signal; the socket is then cut.
 * Messages may come before the caller goes on: listen to `open` for what must not miss one.
 */
export function opened(socket: WebSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      signal.removeEventListener('abort', abort);
      finish();
    };
    const abort = (): void => {
      settle(() => reject(signal.reason));
      socket.terminate();
    };
    // Stays: ws emits an error for a handshake that is cut.
    socket.on('error', (error) => settle(() => reject(error)));
    socket.once('open', () => settle(resolve));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
