/**
 * FTP control connections on loopback, which the kernel's helper reads; the tests check which data connection is
 * expected.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Control {
  /** The original direction of the control connection. */
  readonly master: { src: string; dst: string; proto: 'tcp'; sport: number; dport: 21 };
  /** Sends a command, and resolves when the server's answer has come. */
  ask(command: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Logs in at port 21 of loopback. The helper reads lines whose beginning it knows, which it does after the first.
 * @param answers by the first word of the command; '200' where there is none
 */
export async function ftpControl(
  family: 'ipv4' | 'ipv6' = 'ipv4',
  answers: Readonly<Record<string, string>> = {},
): Promise<Control> {
  const host = family === 'ipv4' ? '127.0.0.1' : '::1';
  const peers = new Set<Socket>();
  const server: Server = createServer((socket) => {
    peers.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => socket.write(`${answers[`${data}`.trim().split(' ')[0]] ?? '200 OK'}\r\n`));
  });
  server.listen(21, host);
  await once(server, 'listening');
  const client = connect(21, host);
  await once(client, 'connect');
  const ask = async (command: string): Promise<void> => {
    const answer = once(client, 'data');
    client.write(`${command}\r\n`);
    await answer;
  };
  await ask('USER a');
  const { localAddress, localPort } = client;
  return {
    master: { src: localAddress!, dst: host, proto: 'tcp', sport: localPort!, dport: 21 },
    ask,
    async close() {
      for (const socket of [client, ...peers]) socket.resetAndDestroy();
      server.close();
      await once(server, 'close');
    },
  };
}
