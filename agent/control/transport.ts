// A session on a websocket: the only place where the two meet.
import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Peer } from './authorise.js';
import { gathered } from './gathered.js';
import { Heartbeat } from './heartbeat.js';
import { CLOSE } from './limits.js';
import { Session, type SessionHost } from './session.js';

/** How long a peer may take to answer a close before the socket is cut. */
const CLOSE_MS = 500;

/** Serves `peer` on an open websocket, which writes to `stream`, until it closes. `maxPayload` is the business of whoever made the socket. */
export function serve(host: SessionHost, socket: WebSocket, stream: Writable, peer: Peer): Session {
  const gather = gathered(stream);
  const session = new Session(
    host,
    {
      get bufferedAmount() {
        return socket.bufferedAmount;
      },
      send: (text, sent) => {
        gather();
        socket.send(text, sent);
      },
      close: (code, reason) => {
        socket.close(code, reason);
        // A slow reader does not read the close either.
        const cut = setTimeout(() => socket.terminate(), CLOSE_MS).unref();
        socket.once('close', () => clearTimeout(cut));
      },
    },
    peer,
  );
  socket.on('message', (data, isBinary) => {
    if (isBinary) session.close(CLOSE.unsupportedData, 'error', 'messages are text');
    else session.receive(data.toString());
  });
  socket.on('error', (error) => {
    // ws has sent the close frame (1009 for an oversized message, 1002 for a broken one) by itself.
    const oversized = 'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
    session.close(
      oversized ? CLOSE.messageTooLarge : CLOSE.tryAgainLater,
      oversized ? 'message_too_large' : 'error',
      '',
    );
  });
  socket.on('close', () => session.close(CLOSE.normal, 'peer', ''));
  return session;
}

/** Pings the peer, and hangs up when it is gone or does not read: a half-open connection ends. Returns the way to stop it. */
export function watchPeer(socket: WebSocket, session: Session, intervalMs: number): () => void {
  const peer = {
    ping: () => socket.ping(),
    lost: (how: 'silent' | 'deaf') => {
      if (how === 'silent') session.close(CLOSE.dead, 'dead', 'nothing was heard for three pings');
      else session.close(CLOSE.tryAgainLater, 'slow_reader', 'slow reader: no ping was answered for six');
      socket.terminate();
    },
  };
  const heartbeat = new Heartbeat(peer, intervalMs);
  for (const sound of ['ping', 'message'] as const) socket.on(sound, () => heartbeat.heard());
  socket.on('pong', () => heartbeat.answered());
  socket.once('close', () => heartbeat.stop());
  return () => heartbeat.stop();
}
