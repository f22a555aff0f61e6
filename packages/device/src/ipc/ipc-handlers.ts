import { Fault, type Log, messageOf } from '@greensward/kit';
import {
  errorFrame,
  type IpcErrorCode,
  type IpcOperation,
  ipcErrors,
  readRequest,
  responseFrame,
  writeError,
  writeResponse,
} from '@greensward/protocol/ipc';

/** Who calls, and what they may wait for. */
export interface IpcCall {
  /** The component, or `greengrass-cli#user-<uid>`. */
  readonly principal: string;
  /** Aborts when the client gives the call up, or is gone. */
  readonly signal: AbortSignal;
}

/** One operation: the payload of its request in, that of its answer out. */
export interface IpcHandler {
  readonly responseShape: string;
  answer(payload: Uint8Array, call: IpcCall): Promise<Uint8Array>;
}

export type IpcHandlers = ReadonlyMap<string, IpcHandler>;

/** An operation with what does it, as an entry of `IpcHandlers`. */
export function handle<I, O>(
  operation: IpcOperation<I, O>,
  work: (input: I, call: IpcCall) => O | Promise<O>,
): readonly [string, IpcHandler] {
  return [
    operation.name,
    {
      responseShape: operation.responseShape,
      answer: async (payload, call) => writeResponse(operation, await work(readRequest(operation, payload), call)),
    },
  ];
}

/** The frame that answers a call: what the handler says, or an error of the service model. Never throws. */
export async function answerFrame(
  handlers: IpcHandlers,
  log: Log,
  request: { readonly streamId: number; readonly operation: string; readonly payload: Uint8Array },
  call: IpcCall,
): Promise<Uint8Array> {
  const { streamId, operation, payload } = request;
  try {
    const handler = handlers.get(operation);
    if (handler === undefined) {
      const name = operation.slice(0, 128);
      throw new Fault('ServiceError', `Operation aws.greengrass#${name} is not supported by Greengrass`);
    }
    return responseFrame(streamId, handler.responseShape, await handler.answer(payload, call), true);
  } catch (error) {
    const { code, message, more } = errorOf(error);
    // What is a fault has been said to the client; anything else is a mistake of ours.
    if (!(error instanceof Fault)) log.error('an IPC operation failed', { operation, reason: messageOf(error) });
    return errorFrame(streamId, code, writeError(code, message, more));
  }
}

function errorOf(error: unknown): { code: IpcErrorCode; message: string; more?: Readonly<Record<string, string>> } {
  if (!(error instanceof Fault)) return { code: 'ServiceError', message: 'The runtime could not do this' };
  const { message } = error;
  if (error.code === 'ValidationException') return { code: 'InvalidArgumentsError', message };
  const more: Record<string, string> = {};
  for (const key of ['resourceType', 'resourceName']) {
    const value = error.context[key];
    if (typeof value === 'string') more[key] = value;
  }
  return { code: ipcErrors.find((code) => code === error.code) ?? 'ServiceError', message, more };
}
