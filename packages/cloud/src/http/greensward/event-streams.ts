import { Fault, type Log, messageChain, type Timers } from '@greensward/kit';
import type { HistoryUseCases } from '../../app/app.ts';
import type { LoggedEvent } from '../../domain/history/event.ts';
import type { EventFilter } from '../../ports/history.ts';
import { type Answer, type Arrival, headerOf, type Route } from '../exchange.ts';

/** Server-sent events (WHATWG HTML, 9.2) over the event log. */
export interface EventStreams {
  /** The same request as a stream, if it asks for one (`accept: text/event-stream`) and events are what it lists. */
  over(route: Route, arrival: Arrival): Route | undefined;
  /** Ends all streams, and takes no more. */
  close(): void;
}

interface Deps {
  readonly history: HistoryUseCases;
  readonly timers: Timers;
  readonly log: Log;
}

const type = 'text/event-stream';
const maxFollowers = 100;
/** Events of one look at the log: what a follower that does not read holds in memory. */
const pageSize = 100;
/**
 * A follower looks again after this time though nothing was told, and says that it is there. Milliseconds. What another
 * process on the same database did shows within it.
 */
const idleMs = 5000;
/** After it was told of something: what comes along in this time is one look. Milliseconds. */
const gatherMs = 50;

const streamed = new Set(['ListDeploymentEvents', 'ListDeviceEvents', 'ListEvents']);

/**
 * Each stream reads the table, a page at a time and only when its client has taken the one before; being told that the log
 * grew only wakes it. So a slow client costs one page, and one that comes back with `Last-Event-ID` goes on where it was.
 */
export function createEventStreams({ history, timers, log }: Deps): EventStreams {
  const followers = new Set<Follower>();
  let closed = false;
  const unsubscribe = history.onChange(() => {
    for (const follower of followers) follower.wake();
  });

  async function open(filter: EventFilter, from: number | undefined): Promise<AsyncIterable<Uint8Array>> {
    if (closed) throw new Fault('ServiceUnavailableException', 'The cloud is stopping');
    if (followers.size >= maxFollowers) {
      throw new Fault('ThrottlingException', `${maxFollowers} streams of events are open: that is the most at once`);
    }
    const isAll = filter.deploymentId === undefined && filter.thing === undefined;
    const follower = new Follower({ history, timers, log }, filter, () => followers.delete(follower));
    // Before the first look, so that it counts, and hears of what is written meanwhile.
    followers.add(follower);
    try {
      // All there is of one deployment or device; of everything, what happens from now on.
      await follower.start(from ?? (isAll ? await history.head() : 0));
    } catch (error) {
      follower.end();
      throw error;
    }
    return follower;
  }

  return {
    over(route, arrival) {
      const accepts = headerOf(arrival.headers, 'accept') ?? '';
      if (!streamed.has(route.operation) || !accepts.includes(type)) return undefined;
      const lastSeen = headerOf(arrival.headers, 'last-event-id');
      return {
        ...route,
        handle: (input) => open(filterOf(input), lastSeen === undefined ? afterOf(input) : parseId(lastSeen)),
        serialize: (body): Answer => ({
          status: 200,
          headers: { 'content-type': type, 'cache-control': 'no-store' },
          ...(body instanceof Follower ? { body } : {}),
        }),
      };
    },
    close() {
      closed = true;
      unsubscribe();
      for (const follower of followers) follower.end();
    },
  };
}

/**
 * One client's stream. Modes: looking (`next` runs), waiting (for being woken, or for the time), ended. It is ended by its
 * client's leaving, by `close`, or by a failed look; the client then comes back.
 */
class Follower implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #deps: Deps;
  readonly #filter: EventFilter;
  readonly #onEnd: () => void;
  #after = 0;
  /** What `start` has found out, and the state told last. */
  #first: string | undefined;
  #state = '';
  #ended = false;
  #woken = false;
  #resume: (() => void) | undefined;

  constructor(deps: Deps, filter: EventFilter, onEnd: () => void) {
    this.#deps = deps;
    this.#filter = filter;
    this.#onEnd = onEnd;
  }

  /** Fails as the list would, while there can still be an answer. */
  async start(after: number): Promise<void> {
    this.#after = after;
    this.#first = `retry: 1000\n\n${await this.#look()}`;
  }

  wake(): void {
    this.#woken = true;
    this.#resume?.();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    this.#resume?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      let text = this.#first ?? '';
      this.#first = undefined;
      while (text === '' && !this.#ended) {
        text = await this.#look();
        if (text === '' && !(await this.#wait())) text = ': still here\n\n';
      }
      return this.#ended ? { done: true, value: undefined } : { done: false, value: Buffer.from(text, 'utf8') };
    } catch (error) {
      this.#deps.log.error('a stream of events ended', { why: messageChain(error) });
      return this.return();
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.end();
    return { done: true, value: undefined };
  }

  /** The next page as text; '' when there is nothing to tell. */
  async #look(): Promise<string> {
    this.#woken = false;
    const { events, more, rollout } = await this.#deps.history.events(this.#filter, this.#after, pageSize);
    this.#after = events.at(-1)?.sequence ?? this.#after;
    let text = events.map(eventText).join('');
    // How far the rollout is belongs to what was read with it: only at the end of the log it is that of now.
    const state = more || rollout === undefined ? this.#state : JSON.stringify(rollout);
    if (state !== this.#state) text += `event: rollout\ndata: ${state}\n\n`;
    this.#state = state;
    return text;
  }

  /** True when something happened, false when the time is over. */
  async #wait(): Promise<boolean> {
    if (!this.#woken && !this.#ended) await this.#pause(idleMs);
    const woken = this.#woken;
    this.#woken = false;
    // Not ended by being woken again: a busy log would be looked at all the time.
    if (woken && !this.#ended) await this.#pause(gatherMs, () => this.#ended);
    return woken;
  }

  #pause(ms: number, isOver = (): boolean => true): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        cancel();
        this.#resume = undefined;
        resolve();
      };
      const cancel = this.#deps.timers.after(ms, finish);
      this.#resume = () => {
        if (isOver()) finish();
      };
    });
  }
}

function eventText(event: LoggedEvent): string {
  const { sequence, at, ...rest } = event;
  return `id: ${sequence}\nevent: transition\ndata: ${JSON.stringify({ sequence, at: at / 1000, ...rest })}\n\n`;
}

function membersOf(input: unknown): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>(typeof input === 'object' && input !== null ? Object.entries(input) : []);
}

function filterOf(input: unknown): EventFilter {
  const members = membersOf(input);
  const [deploymentId, thing] = [members.get('deploymentId'), members.get('thing')];
  return {
    ...(typeof deploymentId === 'string' ? { deploymentId } : {}),
    ...(typeof thing === 'string' ? { thing } : {}),
  };
}

function afterOf(input: unknown): number | undefined {
  const after = membersOf(input).get('after');
  return typeof after === 'number' ? after : undefined;
}

function parseId(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Fault('ValidationException', 'Last-Event-ID is not the id of an event', {
    context: { reason: 'FIELD_VALIDATION_FAILED', fields: [{ name: 'Last-Event-ID', message: 'must be a number' }] },
  });
}
