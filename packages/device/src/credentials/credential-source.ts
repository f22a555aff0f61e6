import { type Cancel, type Clock, delay, type Log, messageOf, type Timers } from '@greensward/kit';

/** As the credential provider of the cloud answered. */
export type ProviderAnswer =
  | {
      readonly status: 200;
      readonly credentials: Credentials;
      /** The cloud's time, epoch ms, if it said it. */
      readonly date: number | undefined;
    }
  | { readonly status: number; readonly message: string };

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** ISO 8601. */
  readonly expiration: string;
}

export type CredentialAnswer =
  | { readonly status: 200; readonly credentials: Credentials }
  | { readonly status: number; readonly message: string };

/** How long an error is given again without asking, seconds: `credentialRetryInSec` of the token exchange service. */
export interface ErrorTimes {
  readonly clientError: number;
  readonly serverError: number;
  readonly unknownError: number;
}

export const standardErrorTimes: ErrorTimes = { clientError: 120, serverError: 60, unknownError: 300 };

/** Reference: new ones are asked for this long before the old ones end. */
const refreshMs = 300_000;
const attempts = 3;
const attemptPauseMs = 200;

export interface SourceDeps {
  /** Rejects when there is no answer. */
  readonly ask: (signal: AbortSignal) => Promise<ProviderAnswer>;
  readonly times: () => ErrorTimes;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

/**
 * The credentials of the device's role, asked for when someone wants them and then kept: until five minutes before their end, and
 * to their very end while the cloud gives no new ones. Times run on the monotonic clock. Who asks at once shares one question.
 *
 * Modes: empty, holding (`held`), refused (`refused` is given again until its time), asking (`asking`, besides any of these).
 */
export class CredentialSource {
  private readonly deps: SourceDeps;
  private readonly stopping = new AbortController();
  private held: { readonly credentials: Credentials; readonly endsAt: number } | undefined;
  private refused: { readonly answer: CredentialAnswer; readonly until: number } | undefined;
  private asking: Promise<CredentialAnswer> | undefined;
  /** Grows when what an answer would be about has changed: an answer of an older one is not kept. */
  private generation = 0;
  private cancelRefresh: Cancel = () => {};

  constructor(deps: SourceDeps) {
    this.deps = deps;
  }

  get(): Promise<CredentialAnswer> {
    const now = this.deps.timers.monotonic();
    const { held, refused } = this;
    if (held !== undefined && now < held.endsAt - refreshMs)
      return Promise.resolve({ status: 200, credentials: held.credentials });
    if (refused !== undefined && now < refused.until) return Promise.resolve(this.heldOr(refused.answer));
    this.asking ??= this.ask();
    return this.asking;
  }

  /** The device is connected again: what failed for want of a network is worth another question. */
  forgetErrors(): void {
    this.refused = undefined;
  }

  /** Role alias, endpoint or certificate are others now. */
  forgetAll(): void {
    this.generation += 1;
    this.held = undefined;
    this.refused = undefined;
    this.asking = undefined;
    this.cancelRefresh();
  }

  stop(): void {
    this.forgetAll();
    this.stopping.abort(new Error('the runtime stops'));
  }

  private async ask(): Promise<CredentialAnswer> {
    const { generation } = this;
    const answer = await this.answer();
    if (generation !== this.generation) return answer;
    this.asking = undefined;
    if ('credentials' in answer) {
      this.keep(answer.credentials, answer.date);
      return { status: 200, credentials: answer.credentials };
    }
    const { clientError, serverError, unknownError } = this.deps.times();
    const seconds = answer.status >= 500 ? serverError : answer.status >= 400 ? clientError : unknownError;
    this.deps.log.warn('the cloud gives no credentials', { status: answer.status, reason: answer.message });
    this.refused = { answer, until: this.deps.timers.monotonic() + seconds * 1000 };
    return this.heldOr(answer);
  }

  /** Three tries, as the reference: an error of the service or of the network may pass. */
  private async answer(): Promise<ProviderAnswer> {
    let last: ProviderAnswer = { status: 0, message: 'no answer' };
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      try {
        last = await this.deps.ask(this.stopping.signal);
        if (last.status < 500) return last;
      } catch (error) {
        last = { status: 0, message: messageOf(error) };
      }
      if (this.stopping.signal.aborted) return last;
      if (attempt < attempts) await delay(this.deps.timers, attemptPauseMs, this.stopping.signal).catch(() => {});
    }
    return last;
  }

  private keep(credentials: Credentials, date: number | undefined): void {
    const { clock, timers } = this.deps;
    // How long they are good for is between two times of the cloud; this machine's clock stands in only when it did not tell.
    const leftMs = Date.parse(credentials.expiration) - (date ?? clock.now());
    this.refused = undefined;
    this.held = { credentials, endsAt: timers.monotonic() + (Number.isFinite(leftMs) ? leftMs : 0) };
    this.cancelRefresh();
    // Asked for ahead, so that no component waits for the network.
    if (leftMs > refreshMs) this.cancelRefresh = timers.after(leftMs - refreshMs, () => void this.get());
  }

  private heldOr(answer: CredentialAnswer): CredentialAnswer {
    const { held } = this;
    if (held === undefined || this.deps.timers.monotonic() >= held.endsAt) return answer;
    return { status: 200, credentials: held.credentials };
  }
}
