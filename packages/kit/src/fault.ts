/** What a {@link Fault} carries besides its code and message. */
export interface FaultOptions {
  /** True when the same call may succeed later without a change by the caller. Default false. */
  readonly retryable?: boolean;
  /** Facts for the edge that renders the fault: a field name, a resource id, error members of the API. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * The one error class of the project. Thrown where the cause is known, rendered once at the edge (HTTP, MQTT, terminal).
 * `code` is a name of the field: an AWS exception name in the cloud, a `DeploymentErrorCode` on the device.
 */
export class Fault extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.context = options.context ?? {};
  }
}

/** The text of any thrown value, for a log or a status. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The text of an error and of its causes, outermost first, joined by ". " (the form device status reports use). */
export function messageChain(error: unknown): string {
  const messages: string[] = [];
  const seen = new Set<unknown>();
  for (let at = error; at !== undefined && at !== null && !seen.has(at); ) {
    seen.add(at);
    messages.push(messageOf(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return messages.join('. ');
}
