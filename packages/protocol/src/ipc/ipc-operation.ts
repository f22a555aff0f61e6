import { Fault, isJsonObject } from '@greensward/kit';
import { defineService, type Operation } from '../service.ts';
import type { Constraints, ServiceTable, StructureTable } from '../table.ts';
import { parseOutput } from '../walker/client.ts';
import { jsonBytes, parseJson } from '../walker/json.ts';
import { parseInput } from '../walker/parse-input.ts';
import { bodyOf, membersOf } from '../walker/serialize.ts';

/** An operation of the IPC service model. Its shapes are walked by the same code as those of the cloud's APIs. */
export interface IpcOperation<I, O> {
  readonly name: string;
  /** Shape of the answer, without namespace. */
  readonly responseShape: string;
  readonly shapes: Operation<I, O>;
}

/** Structures and enums of a part of the service model, and its operations: their shapes are `<name>Request` and `<name>Response`. */
export interface IpcTable {
  readonly operations: readonly string[];
  readonly enums: ServiceTable['enums'];
  readonly structures: { readonly [name: string]: StructureTable };
}

/** Links a table. `T` maps the names of its operations to their types. */
export function defineIpc<T>(table: IpcTable, constraints: Constraints = {}): T {
  const { enums, structures } = table;
  const operations = Object.fromEntries(
    // Method, path and status are of no account here: everything travels in the body.
    table.operations.map((name) => [
      name,
      { method: 'POST', uri: '/', status: 200, input: `${name}Request`, output: `${name}Response`, errors: [] },
    ]),
  );
  const service = defineService<Readonly<Record<string, Operation<never, unknown>>>>(
    { service: 'greengrass-ipc', operations, enums, structures, errors: {}, allOperations: {} },
    constraints,
  );
  const linked: unknown = Object.fromEntries(
    Object.entries(service.operations).map(([name, shapes]) => [
      name,
      { name, responseShape: `${name}Response`, shapes },
    ]),
  );
  return linked as T;
}

/**
 * The input of a request. Null members count as absent, unknown ones are ignored.
 *
 * @throws Fault ValidationException, naming each member that is wrong; `ServiceError` when the payload is no JSON object.
 */
export function readRequest<I, O>(operation: IpcOperation<I, O>, payload: Uint8Array): I {
  try {
    return parseInput(operation.shapes, { path: '/', query: '', headers: {}, body: payload });
  } catch (error) {
    if (error instanceof Fault && error.context['reason'] === 'CANNOT_PARSE')
      throw new Fault('ServiceError', `${operation.name}: ${error.message}`, { cause: error });
    throw error;
  }
}

export function writeRequest<I, O>(operation: IpcOperation<I, O>, input: I): Uint8Array {
  const value: unknown = input;
  return jsonBytes(bodyOf(operation.shapes.input.members, membersOf(value)));
}

/** The answer; members of another type than theirs are dropped. Throws a Fault InvalidResponse for no JSON object. */
export function readResponse<I, O>(operation: IpcOperation<I, O>, payload: Uint8Array): O {
  return parseOutput(operation.shapes, { status: 200, headers: {}, body: payload });
}

/** Absent members are left out, never null: clients in Python and C fail on null. */
export function writeResponse<I, O>(operation: IpcOperation<I, O>, output: O): Uint8Array {
  const value: unknown = output;
  return jsonBytes(bodyOf(operation.shapes.output?.members ?? [], membersOf(value)));
}

/** Error shapes that every client knows. */
export const ipcErrors = [
  'ServiceError',
  'InvalidArgumentsError',
  'ResourceNotFoundError',
  'UnauthorizedError',
  'ComponentNotFoundError',
  'InvalidRecipeDirectoryPathError',
  'InvalidArtifactsDirectoryPathError',
  'InvalidTokenError',
  'FailedUpdateConditionCheckError',
  'ConflictError',
  'InvalidClientDeviceAuthTokenError',
  'InvalidCredentialError',
] as const;

export type IpcErrorCode = (typeof ipcErrors)[number];

/** The payload of an error: the four keys that one client or another reads, and what else the shape has. */
export function writeError(
  code: IpcErrorCode,
  message: string,
  more: Readonly<Record<string, string>> = {},
): Uint8Array {
  const service = 'aws.greengrass#GreengrassCoreIPC';
  return jsonBytes({ ...more, message, _message: message, _errorCode: code, _service: service });
}

/** The fault that an error message carries: its shape without namespace as code; `ServiceError` where there is none. */
export function readError(shape: string | undefined, payload: Uint8Array): Fault {
  const code = shape?.split('#').at(-1) ?? 'ServiceError';
  const parsed = parseJson(payload);
  const body = 'value' in parsed && isJsonObject(parsed.value) ? parsed.value : {};
  const text = [body['message'], body['_message']].find((value) => typeof value === 'string');
  return new Fault(code, typeof text === 'string' ? text : code, { retryable: code === 'ServiceError' });
}
