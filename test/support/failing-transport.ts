/** Sockets whose receives fail when a test says so. */
import { type Transport, TransportError, type TransportFactory } from '../../src/index.ts';

/**
 * A descriptor that is closed underneath ends the process in libuv. This is what recvmsg reports then.
 * @param fails is asked at each receive
 * @returns opens the sockets; `opened` has them
 */
export function failing(
  inner: TransportFactory,
  fails: (socket: Transport) => boolean,
): { transport: TransportFactory; opened: Transport[] } {
  const opened: Transport[] = [];
  const transport: TransportFactory = async (options) => {
    const made = await inner(options);
    const { receive } = made;
    made.receive = () => {
      if (fails(made)) throw new TransportError('recvmsg', 9, 'EBADF: Bad file descriptor');
      return receive.call(made);
    };
    opened.push(made);
    return made;
  };
  return { transport, opened };
}
