import { once } from 'node:events';
import { startNode } from '@greensward/testkit/processes';

/** Runs a main to its one message of this kind, which holds the result under the same name. */
export async function resultOf<T>(
  path: string,
  kind: string,
  args: readonly (string | number)[],
  flags: readonly string[] = [],
): Promise<T> {
  const started = startNode([...flags, path, ...args.map(String)]);
  const early = started.ended.then((how) => {
    throw new Error(`${path} ended (${how}) without a result:\n${started.output().slice(-4000)}`);
  });
  const [message] = await Promise.race([once(started.child, 'message'), early]);
  const result: T = message[kind];
  early.catch(() => {}); // It ends, and is to.
  await started.ended;
  return result;
}
