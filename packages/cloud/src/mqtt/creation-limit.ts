import { Fault, type Timers } from '@greensward/kit';

/** A device needs one certificate, and perhaps another when an answer was lost. */
const burst = 3;
const refillMs = 20_000;
/** Making a key keeps a processor busy for a good part of a second: those that wait longer than clients do wait in vain. */
const maxRunning = 32;

/** Bounds how many certificates one connection makes, and how many are made at once. */
export interface CreationLimit {
  /** Fails with ThrottlingException instead of running above the bounds. */
  run<T>(connection: object, make: () => Promise<T>): Promise<T>;
}

export function createCreationLimit(timers: Pick<Timers, 'monotonic'>): CreationLimit {
  /** Gone with the connection. */
  const buckets = new WeakMap<object, { left: number; at: number }>();
  let running = 0;

  function take(connection: object): boolean {
    const now = timers.monotonic();
    const bucket = buckets.get(connection) ?? { left: burst, at: now };
    const left = Math.min(burst, bucket.left + (now - bucket.at) / refillMs);
    const granted = left >= 1;
    buckets.set(connection, { left: granted ? left - 1 : left, at: now });
    return granted;
  }

  return {
    async run(connection, make) {
      if (!take(connection)) {
        throw new Fault('ThrottlingException', 'This connection has created certificates too often; try again later.');
      }
      if (running >= maxRunning) {
        throw new Fault('ThrottlingException', 'Too many certificates are being created; try again later.');
      }
      running++;
      try {
        return await make();
      } finally {
        running--;
      }
    },
  };
}
