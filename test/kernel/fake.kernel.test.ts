/**
 * The kernel of ctnetlink/testing beside the running one: the same requests, right ones and wrong ones, have the same
 * answers, events and extended ACKs, and leave the same tables. $CTNETLINK_SEED is the first seed.
 */
import { decodeExpectation, decodeFlow } from '../../src/ctnetlink/message.ts';
import { buildExpectationMessage } from '../../src/ctnetlink/request/expectation.ts';
import { buildMessage } from '../../src/ctnetlink/request/flow.ts';
import { walkDatagram } from '../../src/netlink/nlmsg.ts';
import { readErrno, readExtendedAck } from '../../src/netlink/nlmsgerr.ts';
import { bytesOf, type Request } from '../../src/netlink/request.ts';
import type { Datagram, Transport, TransportFactory } from '../../src/netlink/transport.ts';
import { nfnlMessage, nfnlSubsystem } from '../../src/nfnetlink/nfgenmsg.ts';
import { fakeKernel } from '../../src/testing/index.ts';
import { openTransport } from '../../src/transport/open.ts';
import { NLMSG_DONE, NLMSG_ERROR } from '../../src/uapi/netlink.ts';
import * as nfnl from '../../src/uapi/nfnetlink.ts';
import { IPCTNL_MSG_CT_GET_STATS } from '../../src/uapi/nfnetlink_conntrack.ts';
import { PORTS, RandomRequests } from '../support/fake-requests.ts';
import { describeKernel, resetNamespace, sh, sysctl } from '../support/kernel.ts';
import { Random, seedFromEnvironment } from '../support/random.ts';
import { sized } from '../support/tier.ts';

const SEEDS = sized({ quick: 10, landing: 40, soak: 2000 });
const REQUESTS = 60;
/** Requests after which the tables are compared. */
const EACH = 10;
const MOST_FAILURES = 5;

type Words = Record<string, unknown>;

/** A kernel, with a socket that asks it and one that listens. */
class Side {
  readonly #asking: Transport;
  readonly #listening: Transport;
  #sequence = 0;

  private constructor(asking: Transport, listening: Transport) {
    this.#asking = asking;
    this.#listening = listening;
  }

  static async open(factory: TransportFactory): Promise<Side> {
    const [asking, listening] = [await factory(), await factory({ events: true })];
    for (const each of [asking, listening]) each.start({ readable: () => {}, failed: () => {} });
    for (let group = 1; group <= nfnl.NFNLGRP_CONNTRACK_EXP_DESTROY; group++) listening.joinGroup(group);
    return new Side(asking, listening);
  }

  close(): void {
    this.#asking.close();
    this.#listening.close();
  }

  ask(request: Request): Words[] {
    this.#asking.send(bytesOf(request, ++this.#sequence));
    return read(this.#asking);
  }

  get events(): Words[] {
    return read(this.#listening);
  }

  get tables(): Words[] {
    const all = [...this.ask(buildMessage('dump', 0)), ...this.ask(buildExpectationMessage('expectations.dump', 0))];
    return sorted(all);
  }
}

/** Whether a port is none of those that requests have. */
function picked(words: string): boolean {
  return [...words.matchAll(/"(?:[sd]port|icmpId)":(\d+)/g)].some(([, port]) => !PORTS.includes(Number(port)));
}

/** The hash table of the kernel has an order of its own. */
function sorted(messages: readonly Words[]): Words[] {
  return [...messages].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function read(transport: Transport): Words[] {
  const words: Words[] = [];
  for (let datagram = transport.receive(); datagram !== undefined; datagram = transport.receive())
    words.push(...messagesOf(datagram, transport.portid));
  return words;
}

function messagesOf({ view }: Datagram, portid: number): Words[] {
  const words: Words[] = [];
  walkDatagram(view, (header, _view, offset, end) => {
    const { nlmsg_type: type, nlmsg_flags: flags, nlmsg_seq: sequence, nlmsg_pid: pid } = header;
    const own = sequence === 0 ? pid !== 0 : pid === portid;
    const common = { type, flags, event: sequence === 0, own };
    if (type === NLMSG_ERROR || type === NLMSG_DONE) {
      const done = type === NLMSG_DONE;
      const extack = readExtendedAck(view, offset, end, flags, done);
      words.push({ ...common, errno: readErrno(view, offset, end, done), extack });
    } else if (nfnlSubsystem(type) === nfnl.NFNL_SUBSYS_CTNETLINK_EXP) {
      words.push({ ...common, ...steady(decodeExpectation(view, offset, end).toJSON()) });
    } else if (nfnlMessage(type) === IPCTNL_MSG_CT_GET_STATS) {
      words.push(common);
    } else {
      words.push({ ...common, ...steady(decodeFlow(view, offset, end).toJSON()) });
    }
  });
  return words;
}

/** Ids are opaque, and time passes in the running kernel. */
function steady(json: object): Words {
  const { id, timeout, ...rest } = json as { id?: number; timeout?: number } & Words;
  return {
    ...rest,
    ...(id === undefined ? {} : { id: true }),
    ...(timeout === undefined ? {} : { timeout: Math.ceil(timeout / 1000) }),
  };
}

describeKernel('the fake kernel beside the running one', ['nft'], () => {
  beforeEach(() => {
    resetNamespace();
    sysctl('nf_conntrack_acct', 1);
    sysctl('nf_conntrack_events', 1);
    // So that flows can have labels.
    sh('nft', 'add', 'table', 'inet', 'labels');
    sh('nft', 'add', 'chain', 'inet', 'labels', 'input', '{ type filter hook input priority 0; }');
    sh('nft', 'add', 'rule', 'inet', 'labels', 'input', 'ct', 'label', '1');
  });
  afterEach(() => resetNamespace());

  it(`answers ${SEEDS} seeds of random requests as the running kernel does`, async function () {
    this.timeout(0);
    const first = seedFromEnvironment();
    const real = await Side.open(openTransport);
    const failures: string[] = [];
    try {
      for (let seed = first; seed < first + SEEDS && failures.length < MOST_FAILURES; seed++) {
        const failure = await compare(seed, real);
        if (failure !== undefined) failures.push(failure);
      }
    } finally {
      real.close();
    }
    if (failures.length > 0) throw new Error(failures.join('\n'));
  });
});

/** @returns the first difference, or undefined */
async function compare(seed: number, real: Side): Promise<string | undefined> {
  const requests = new RandomRequests(new Random(seed));
  const kernel = fakeKernel({ counters: true, labels: true });
  const fake = await Side.open(kernel.transport);
  for (const query of [buildMessage('flush', 0), buildExpectationMessage('expectations.flush', 0)]) real.ask(query);
  void real.events;
  try {
    for (let count = 0; count < REQUESTS; count++) {
      const { what, request } = requests.next();
      const [had, wanted] = [fake, real].map((side) =>
        JSON.stringify({
          answer: sorted(side.ask(request)),
          events: sorted(side.events),
          // The kernel walks the tables of the whole machine.
          tables: count % EACH === EACH - 1 ? side.tables : [],
        }),
      );
      // Of several ports the kernel picks one at random: the tables are different from here on.
      if (picked(wanted)) return undefined;
      if (had !== wanted)
        return `CTNETLINK_SEED=${seed}, request ${count}: ${what}\n  fake:    ${had}\n  running: ${wanted}`;
    }
  } finally {
    fake.close();
  }
  return kernel.sockets === 0 ? undefined : `${kernel.sockets} sockets are open`;
}
