import { Fault, messageOf } from '@greensward/kit';

/** Runs file work; its errors become faults of `code`, or `DISK_SPACE_CRITICAL` when the volume is full. */
export async function asIo<T>(code: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ioFault(code, path, error);
  }
}

/** The fault that a failed piece of file work is. */
export function ioFault(code: string, path: string, cause: unknown): Fault {
  const full = errorCode(cause) === 'ENOSPC' || errorCode(cause) === 'EDQUOT';
  return new Fault(full ? 'DISK_SPACE_CRITICAL' : code, `${path}: ${messageOf(cause)}`, { cause });
}

/** `ENOENT` and the like. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
