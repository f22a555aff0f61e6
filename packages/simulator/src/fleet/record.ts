import type { Fate } from '../behaviour/behaviour.ts';

/** What a fleet has seen since it was made or last cleared. */
export interface FleetReport {
  readonly connected: number;
  /** When devices were told of a job that was new to them: epoch ms, one a device and job. */
  readonly notifiedAt: readonly number[];
  /** How deployments ended on the devices; REFUSED: the cloud took no report any more. */
  readonly ended: Readonly<Record<Fate['end'] | 'REFUSED', number>>;
  /** Epoch ms; 0 when none has. */
  readonly lastEndedAt: number;
  /** Round trips of keep-alives, in ms. */
  readonly pings: readonly number[];
  /** Connections that broke, or that a device gave up as it was drawn to. */
  readonly disconnects: number;
  readonly connectsRefused: number;
  /** Questions that were refused, and the last of them. */
  readonly rejected: number;
  readonly lastRejection: string;
}

const maxPings = 100_000;

/** The one place where all devices of a process write down what happens to them. */
export class FleetRecord {
  #connected = 0;
  #notifiedAt: number[] = [];
  #ended = noEnds();
  #lastEndedAt = 0;
  #pings: number[] = [];
  #disconnects = 0;
  #connectsRefused = 0;
  #rejected = 0;
  #lastRejection = '';

  connected(): void {
    this.#connected++;
  }

  disconnected(): void {
    this.#connected--;
    this.#disconnects++;
  }

  refused(): void {
    this.#connectsRefused++;
  }

  notified(at: number): void {
    this.#notifiedAt.push(at);
  }

  ended(end: Fate['end'] | 'REFUSED', at: number): void {
    this.#ended[end]++;
    this.#lastEndedAt = at;
  }

  ping(ms: number): void {
    if (this.#pings.length < maxPings) this.#pings.push(ms);
  }

  rejected(what: string): void {
    this.#rejected++;
    this.#lastRejection = what;
  }

  report(): FleetReport {
    return {
      connected: this.#connected,
      notifiedAt: [...this.#notifiedAt],
      ended: { ...this.#ended },
      lastEndedAt: this.#lastEndedAt,
      pings: [...this.#pings],
      disconnects: this.#disconnects,
      connectsRefused: this.#connectsRefused,
      rejected: this.#rejected,
      lastRejection: this.#lastRejection,
    };
  }

  /** Forgets all but who is connected. */
  clear(): void {
    this.#notifiedAt = [];
    this.#ended = noEnds();
    this.#lastEndedAt = 0;
    this.#pings = [];
    this.#disconnects = 0;
    this.#connectsRefused = 0;
    this.#rejected = 0;
    this.#lastRejection = '';
  }
}

function noEnds(): Record<Fate['end'] | 'REFUSED', number> {
  return { SUCCEEDED: 0, FAILED: 0, REJECTED: 0, SILENT: 0, REFUSED: 0 };
}
