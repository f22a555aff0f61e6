import { TopicTrie } from '../topic/topic.ts';
import type { Session } from './session.ts';
import { parseShared, type Subscription } from './subscription.ts';

/** The sessions that share one filter under one name: each message goes to one of them. */
export interface ShareGroup<P> {
  /** `$share/{name}/{filter}`. */
  readonly name: string;
  readonly members: Map<Session<P>, Subscription>;
  /** The members, in the order of their turns. */
  readonly order: Session<P>[];
  /** How many messages it was given; the next goes to the member whose turn it is. */
  turns: number;
}

/** A member, and what it subscribed with. */
export type Member<P> = readonly [session: Session<P>, subscription: Subscription];

/** All shared subscriptions of a server. */
export class SharedSubscriptions<P> {
  readonly #groups = new Map<string, ShareGroup<P>>();
  readonly #trie = new TopicTrie<string, ShareGroup<P>>();

  /** Adds or replaces; true when the session was not in the group. */
  add(session: Session<P>, subscription: Subscription): boolean {
    const name = subscription.filter;
    const shared = parseShared(name);
    if (!shared) return false;
    let group = this.#groups.get(name);
    if (!group) {
      group = { name, members: new Map(), order: [], turns: 0 };
      this.#groups.set(name, group);
      this.#trie.set(shared.filter, name, group);
    }
    const isNew = !group.members.has(session);
    if (isNew) group.order.push(session);
    group.members.set(session, subscription);
    return isNew;
  }

  remove(session: Session<P>, name: string): boolean {
    const group = this.#groups.get(name);
    if (!group?.members.delete(session)) return false;
    group.order.splice(group.order.indexOf(session), 1);
    const shared = parseShared(name);
    if (group.members.size === 0 && shared) {
      this.#groups.delete(name);
      this.#trie.delete(shared.filter, name);
    }
    return true;
  }

  group(name: string): ShareGroup<P> | undefined {
    return this.#groups.get(name);
  }

  match(topic: string, visit: (group: ShareGroup<P>) => void): void {
    if (this.#groups.size > 0) this.#trie.match(topic, (_name, group) => visit(group));
  }
}

/**
 * The members in the order in which they are asked to take the next message: in turns, but those that can send it at once
 * first, then those that are connected, then those whose session waits for them.
 */
export function* candidates<P>(group: ShareGroup<P>): Generator<Member<P>> {
  const { members, order } = group;
  const turn = group.turns++;
  for (const stage of [0, 1, 2]) {
    for (let step = 0; step < order.length; step++) {
      const session = order[(turn + step) % order.length];
      const subscription = session && members.get(session);
      if (subscription && session.keeps && stageOf(session) === stage) yield [session, subscription];
    }
  }
}

function stageOf<P>(session: Session<P>): number {
  if (session.ready) return 0;
  return session.link ? 1 : 2;
}
