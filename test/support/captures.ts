/** What the tests of captures share: the captures of other tools, datagrams at random, and another byte order. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CapturedDatagram } from '../../src/capture/datagram.ts';
import { overrunNote, releaseNote } from '../../src/capture/notes.ts';
import { HOST_LITTLE_ENDIAN, swap32, viewOf } from '../../src/netlink/byteorder.ts';
import { align4 } from '../../src/netlink/nlmsg.ts';
import { datagram, error, message, nlattr } from './fake-transport.ts';
import type { Random } from './random.ts';

export const CAPTURES = fileURLToPath(new URL('../../fixtures/captures/', import.meta.url));

/** Their names, those with one of these endings. */
export function captureNames(...endings: string[]): string[] {
  return readdirSync(CAPTURES)
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .sort();
}

export function captureBytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(CAPTURES + name));
}

/** Datagrams that each format keeps as they are. */
export function randomDatagrams(random: Random, count = random.below(12)): CapturedDatagram[] {
  return Array.from({ length: count }, () => {
    if (random.oneIn(12)) return random.oneIn(2) ? overrunNote() : overrunNote(random.below(1000));
    if (random.oneIn(20)) return releaseNote(`6.${random.below(20)}.0`);
    const fromKernel = random.oneIn(2);
    const bytes = datagram(...Array.from({ length: random.between(1, 4) }, () => randomMessage(random, fromKernel)));
    const time = random.oneIn(8)
      ? undefined
      : BigInt(random.uint32()) * 1_000_000_000n + BigInt(random.between(1, 999_999_999));
    return { fromKernel, time, bytes, ...(random.oneIn(3) ? { socket: random.uint32() } : {}) };
  });
}

function randomMessage(random: Random, fromKernel: boolean): Uint8Array {
  const sequence = random.uint32();
  if (fromKernel && random.oneIn(6)) return error(sequence, random.below(100));
  const body = [random.pick([0, 2, 10]), 0, 0, 0, ...nlattr(random.between(1, 30), random.bytes(random.below(40)))];
  const flags = fromKernel ? random.pick([0, 2, 0x600]) : 1 | random.pick([0, 4, 0x300]);
  return message(sequence, body, { type: 0x100 + random.below(4), flags });
}

/**
 * A datagram as a machine of the other byte order has it. Its messages are those of ctnetlink, ACKs, errors and DONE.
 */
export function otherOrder(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const view = viewOf(copy);
  const turn16 = (at: number): void => view.setUint16(at, view.getUint16(at, HOST_LITTLE_ENDIAN), !HOST_LITTLE_ENDIAN);
  const turn32 = (at: number): void => view.setUint32(at, swap32(view.getUint32(at)));
  const attributes = (from: number, end: number, hostOrder: (type: number) => boolean): void => {
    for (let at = from; at < end && view.getUint16(at, HOST_LITTLE_ENDIAN) >= 4; ) {
      const length = view.getUint16(at, HOST_LITTLE_ENDIAN);
      const type = view.getUint16(at + 2, HOST_LITTLE_ENDIAN);
      turn16(at);
      turn16(at + 2);
      // CTA_FILTER: 25
      if ((type & 0x8000) !== 0) attributes(at + 4, at + length, () => (type & 0x3fff) === 25);
      else if (hostOrder(type)) for (let word = at + 4; word + 4 <= at + length; word += 4) turn32(word);
      at += align4(length);
    }
  };
  const header = (at: number): void => {
    turn32(at);
    turn16(at + 4);
    turn16(at + 6);
    turn32(at + 8);
    turn32(at + 12);
  };
  for (let at = 0; at < copy.length; ) {
    const length = view.getUint32(at, HOST_LITTLE_ENDIAN);
    const type = view.getUint16(at + 4, HOST_LITTLE_ENDIAN);
    const flags = view.getUint16(at + 6, HOST_LITTLE_ENDIAN);
    header(at);
    if (type === 2 || type === 3) {
      if (length >= 20) turn32(at + 16);
      let from = at + 20;
      if (type === 2) {
        const echoed = (flags & 0x100) !== 0 ? 16 : view.getUint32(from, HOST_LITTLE_ENDIAN);
        const room = at + length - from;
        header(from);
        if (echoed <= room && echoed > 20) attributes(from + 20, from + echoed, (each) => each === 22 || each === 23);
        from += align4(Math.min(echoed, room));
      }
      if ((flags & 0x200) !== 0) attributes(from, at + length, (each) => each !== 1);
    } else if (type >= 16) {
      // CTA_LABELS, CTA_LABELS_MASK
      attributes(at + 20, at + length, (each) => each === 22 || each === 23);
    }
    at += align4(length);
  }
  return copy;
}

/** A block of pcapng. `body` must be padded. */
export function block(type: number, body: Uint8Array, littleEndian = true): Uint8Array {
  const length = 12 + body.length;
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  view.setUint32(0, type, littleEndian);
  view.setUint32(4, length, littleEndian);
  bytes.set(body, 8);
  view.setUint32(length - 4, length, littleEndian);
  return bytes;
}

/** Fields of 16, 32 and 64 bits in one byte order, and bytes; padded at the end. */
export function fields(
  littleEndian: boolean,
  ...values: (readonly [16 | 32 | 64, number | bigint] | Uint8Array)[]
): Uint8Array {
  const parts = values.map((value) => {
    if (value instanceof Uint8Array) return value;
    const [bits, number] = value;
    const bytes = new Uint8Array(bits / 8);
    if (bits === 16) viewOf(bytes).setUint16(0, Number(number), littleEndian);
    else if (bits === 32) viewOf(bytes).setUint32(0, Number(number), littleEndian);
    else viewOf(bytes).setBigUint64(0, BigInt(number), littleEndian);
    return bytes;
  });
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const all = new Uint8Array(align4(length));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
