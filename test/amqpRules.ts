/** A frame as it went over the wire. */
export interface WireFrame {
  connection: number;
  from: 'client' | 'server';
  channel: number;
  /** `open`, `begin` …; `empty` keeps a connection alive */
  name: string;
  fields: Readonly<Record<string, unknown>>;
  payloadBytes: number;
}

/** A frame that AMQP 1.0 does not allow its sender at that moment. */
export interface Violation {
  connection: number;
  from: WireFrame['from'];
  frame: string;
  rule: string;
}

interface Link {
  name: string;
  /** whether this side receives on it */
  isReceiver: boolean;
  detached: boolean;
  deliveryCount: number;
  /** of a receiving side: the delivery count up to which it takes transfers */
  creditLimit: number;
  /** a delivery of several transfers is under way */
  isIncomplete: boolean;
}

interface Session {
  ended: boolean;
  links: Map<number, Link>;
  handleMax: number;
  /** frames that this side takes, as its begin says */
  incomingWindow: number;
  /** the transfer id up to which the peer's window allows transfers */
  windowLimit: number;
  nextTransferId: number;
  /** the peer's session that this one is paired with */
  peer?: Session;
}

/** What one side of a connection has sent. */
class Side {
  opened = false;
  closed = false;
  maxFrameBytes = Infinity;
  readonly sessions = new Map<number, Session>();
}

const DEFAULT_HANDLE_MAX = 2 ** 32 - 1;
const number = (value: unknown, otherwise: number): number =>
  value === undefined ? otherwise : Number(value);

/** Checks the order of frames, channels, handles, credit and windows of one connection (AMQP 1.0, part 2). */
export class AmqpRules {
  readonly #sides = { client: new Side(), server: new Side() };

  constructor(private readonly report: (violation: Violation) => void) {}

  /** @param bytes size of the whole frame */
  check(frame: WireFrame, bytes: number): void {
    const own = this.#sides[frame.from];
    const peer = this.#sides[frame.from === 'client' ? 'server' : 'client'];
    const { connection, from, name, channel, fields } = frame;
    const fail = (rule: string): void => {
      const handle = fields.handle === undefined ? '' : ` handle ${number(fields.handle, 0)}`;
      this.report({ connection, from, frame: `${name} on channel ${channel}${handle}`, rule });
    };
    if (own.closed) fail('no frame follows a close');
    if (bytes > peer.maxFrameBytes) fail(`a frame of ${bytes} bytes exceeds what the peer takes`);
    if (name === 'open') {
      if (own.opened) fail('a connection is opened once');
      own.opened = true;
      own.maxFrameBytes = number(fields.max_frame_size, Infinity);
    } else if (!own.opened) fail('the first frame is an open');
    else if (name === 'close') own.closed = true;
    else if (name === 'begin') beginSession(own, peer, frame, fail);
    else if (name !== 'empty') {
      const session = own.sessions.get(channel);
      if (!session || session.ended) fail('a frame on a channel without a session');
      else if (name === 'end') session.ended = true;
      else checkLinkFrame(session, frame, fail);
    }
  }
}

type Fail = (rule: string) => void;

function beginSession(own: Side, peer: Side, { channel, fields }: WireFrame, fail: Fail): void {
  const before = own.sessions.get(channel);
  if (before && !(before.ended && (before.peer?.ended ?? false)))
    fail('a channel is used again before both sides ended it');
  const session: Session = {
    ended: false,
    links: new Map(),
    handleMax: number(fields.handle_max, DEFAULT_HANDLE_MAX),
    incomingWindow: number(fields.incoming_window, 0),
    windowLimit: 0, // until the peer's begin says what it takes
    nextTransferId: number(fields.next_outgoing_id, 0),
  };
  own.sessions.set(channel, session);
  if (fields.remote_channel === undefined) return;
  const paired = peer.sessions.get(number(fields.remote_channel, -1));
  if (!paired) {
    fail('the channel that a begin answers has no session');
    return;
  }
  session.peer = paired;
  paired.peer = session;
  session.windowLimit = session.nextTransferId + paired.incomingWindow;
  paired.windowLimit = paired.nextTransferId + session.incomingWindow;
}

function checkLinkFrame(session: Session, { name, fields }: WireFrame, fail: Fail): void {
  if (name === 'attach') {
    attachLink(session, fields, fail);
    return;
  }
  if (name === 'disposition') return;
  if (name === 'flow') updateWindow(session, fields);
  if (fields.handle === undefined) return;
  const link = session.links.get(number(fields.handle, -1));
  if (!link || link.detached) {
    fail('a frame on a handle without a link');
    return;
  }
  if (name === 'detach') link.detached = true;
  if (name === 'flow' && link.isReceiver) {
    link.creditLimit = number(fields.delivery_count, 0) + number(fields.link_credit, 0);
  }
  if (name === 'transfer') checkTransfer(session, link, fields, fail);
}

function attachLink(session: Session, fields: WireFrame['fields'], fail: Fail): void {
  const handle = number(fields.handle, -1);
  const before = session.links.get(handle);
  if (before && !before.detached) fail('a handle is used again before it was detached');
  if (handle > (session.peer?.handleMax ?? DEFAULT_HANDLE_MAX)) fail('a handle exceeds what the peer takes');
  session.links.set(handle, {
    name: fields.name as string,
    isReceiver: fields.role === true,
    detached: false,
    deliveryCount: number(fields.initial_delivery_count, 0),
    creditLimit: 0,
    isIncomplete: false,
  });
}

function updateWindow({ peer }: Session, fields: WireFrame['fields']): void {
  if (!peer) return;
  peer.windowLimit = number(fields.next_incoming_id, peer.nextTransferId) + number(fields.incoming_window, 0);
}

function checkTransfer(session: Session, link: Link, fields: WireFrame['fields'], fail: Fail): void {
  const receiver = [...(session.peer?.links.values() ?? [])].findLast(
    (one) => one.name === link.name && one.isReceiver,
  );
  if (!link.isIncomplete && link.deliveryCount >= (receiver?.creditLimit ?? 0))
    fail('a transfer without credit');
  if (session.nextTransferId >= session.windowLimit) fail("a transfer beyond the peer's window");
  session.nextTransferId += 1;
  link.isIncomplete = fields.more === true && fields.aborted !== true;
  if (!link.isIncomplete) link.deliveryCount += 1;
}
