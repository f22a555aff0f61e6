/**
 * Keeps an upload and the removal of unused content apart. An upload of bytes that are already stored only finds them there;
 * were they removed before its commit names them, the commit would name nothing. Uploads share the gate, a sweep has it
 * alone: it waits for the uploads that are under way, and those that come wait for it.
 */
export interface ContentGate {
  /** From where the bytes get their place to the commit that names them: short, however long they took to come. */
  upload<T>(work: () => Promise<T>): Promise<T>;
  sweep(work: () => Promise<void>): Promise<void>;
}

export function createContentGate(): ContentGate {
  let uploads = 0;
  let sweeping: Promise<void> = Promise.resolve();
  let waitingSweeps = 0;
  let drained: (() => void)[] = [];

  return {
    async upload(work) {
      while (waitingSweeps > 0) await sweeping;
      uploads += 1;
      try {
        return await work();
      } finally {
        uploads -= 1;
        if (uploads === 0) {
          const wake = drained;
          drained = [];
          for (const resume of wake) resume();
        }
      }
    },

    sweep(work) {
      waitingSweeps += 1;
      const turn = sweeping.then(async () => {
        try {
          if (uploads > 0) await new Promise<void>((resume) => drained.push(resume));
          await work();
        } finally {
          waitingSweeps -= 1;
        }
      });
      sweeping = turn.catch(() => {}); // The caller sees the failure; the next in line only needs the turn to be over.
      return turn;
    },
  };
}
