import type { ArmedFaultSpec, HttpsFaultSpec } from './faultSchema';

/** An armed fault. It stays armed until it has been applied `times` times or is cleared. */
export interface ArmedFault {
  readonly id: number;
  readonly fault: ArmedFaultSpec;
  /** How often the fault still applies; null: unlimited. */
  readonly remaining: number | null;
}

type OfKind<Kind> = Extract<ArmedFaultSpec, { kind: Kind }>;

export interface HttpsRequestSubject {
  readonly target: HttpsFaultSpec['target'];
  readonly method: string;
  readonly deviceId: string | undefined;
}

/** The faults armed on one hub. */
export interface Faults {
  arm(fault: ArmedFaultSpec): ArmedFault;
  list(): ArmedFault[];
  /** Clears one fault, or all. Returns the number of cleared faults. */
  clear(id?: number): number;
  /** The first armed fault of that kind that `matches`. Its `times` do not decrease. */
  find<Kind extends ArmedFaultSpec['kind']>(
    kind: Kind,
    matches?: (fault: OfKind<Kind>) => boolean,
  ): OfKind<Kind> | undefined;
  /** Like find(), but decreases the fault's `times` by one. */
  apply<Kind extends ArmedFaultSpec['kind']>(
    kind: Kind,
    matches?: (fault: OfKind<Kind>) => boolean,
  ): OfKind<Kind> | undefined;
  /** The first HTTPS fault that matches this request. Decreases the fault's `times` by one. */
  applyHttps(subject: HttpsRequestSubject): HttpsFaultSpec | undefined;
  /** Called after each change. */
  onChange(listener: () => void): void;
}

export function createFaults(): Faults {
  interface Entry {
    readonly id: number;
    readonly fault: ArmedFaultSpec;
    remaining: number | null;
  }
  let entries: Entry[] = [];
  let lastId = 0;
  const listeners: (() => void)[] = [];

  const changed = () => listeners.forEach((listener) => listener());

  const spend = (entry: Entry) => {
    if (entry.remaining === null) return;
    entry.remaining--;
    if (entry.remaining > 0) return;
    entries = entries.filter((other) => other !== entry);
    changed();
  };

  const entryOf = (matches: (fault: ArmedFaultSpec) => boolean) =>
    entries.find((entry) => matches(entry.fault));

  const ofKind =
    <Kind extends ArmedFaultSpec['kind']>(kind: Kind, matches: (fault: OfKind<Kind>) => boolean) =>
    (fault: ArmedFaultSpec) =>
      fault.kind === kind && matches(fault as OfKind<Kind>);

  return {
    arm(fault) {
      const entry: Entry = {
        id: ++lastId,
        fault,
        remaining: ('times' in fault ? fault.times : undefined) ?? null,
      };
      entries.push(entry);
      changed();
      return { ...entry };
    },
    list: () => entries.map((entry) => ({ ...entry })),
    clear(id) {
      const before = entries.length;
      entries = id === undefined ? [] : entries.filter((entry) => entry.id !== id);
      changed();
      return before - entries.length;
    },
    find: (kind, matches = () => true) =>
      entryOf(ofKind(kind, matches))?.fault as OfKind<typeof kind> | undefined,
    apply(kind, matches = () => true) {
      const entry = entryOf(ofKind(kind, matches));
      if (entry) spend(entry);
      return entry?.fault as OfKind<typeof kind> | undefined;
    },
    applyHttps(subject) {
      if (entries.length === 0) return undefined;
      const entry = entryOf((fault) => isHttpsFault(fault) && meets(fault, subject));
      if (!entry) return undefined;
      spend(entry);
      return entry.fault as HttpsFaultSpec;
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

const isHttpsFault = (fault: ArmedFaultSpec): fault is HttpsFaultSpec =>
  fault.target !== 'eventHub' && fault.kind !== 'refuse';

/** Over MQTT and AMQP, signatures are checked when a device connects. */
const checksSignature = ({ method, target }: HttpsRequestSubject) =>
  method !== 'PUBLISH' || target === 'connections';

const meets = (fault: HttpsFaultSpec, subject: HttpsRequestSubject) =>
  fault.target === subject.target &&
  (fault.kind !== 'clockSkew' || checksSignature(subject)) &&
  (fault.filter?.deviceId === undefined || fault.filter.deviceId === subject.deviceId) &&
  (fault.filter?.method === undefined || fault.filter.method === subject.method);
