import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** One keep-alive connection with one request in flight at the most. */
export interface Connection {
  /** Sends a whole request; `answered` is called with the status. The bytes must not change until then. */
  send(request: Buffer, answered: (status: number) => void): void;
  close(): void;
}

const READ_BYTES = 16_384;
const LENGTH = /\r\ncontent-length: (\d+)\r\n/i;

/** The status of a complete response, or null while bytes are missing. Only what our servers answer: a body with a length. */
export function statusOf(text: string): number | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const length = LENGTH.exec(text)?.[1];
  if (length === undefined) throw new Error(`a response without content-length: ${text.slice(0, end)}`);
  return text.length < end + 4 + Number(length) ? null : Number(text.slice(9, 12));
}

/** Connects over loopback. `failed` is called when the connection ends before it is closed here. */
export function openConnection(port: number, failed: (error: Error) => void): Promise<Connection> {
  let answered: ((status: number) => void) | null = null;
  let received = '';
  const receive = (size: number, bytes: Uint8Array): boolean => {
    received += Buffer.from(bytes.buffer, bytes.byteOffset, size).toString('latin1');
    const status = statusOf(received);
    if (status === null) return true;
    received = '';
    const tell = answered;
    answered = null;
    tell?.(status);
    return true;
  };
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: Buffer.alloc(READ_BYTES), callback: receive } });
  let isClosing = false;
  socket.on('close', () => {
    if (!isClosing) failed(new Error('the server closed a connection'));
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', failed);
      resolve({
        send(request, tell) {
          answered = tell;
          socket.write(request);
        },
        close() {
          isClosing = true;
          socket.destroy();
        },
      });
    });
  });
}
