import { type Clock, Fault, type Ids, type Json, type JsonObject, type Log, type Timers } from '@greensward/kit';
import { createComponentTokens } from './component-tokens.ts';
import { type CredentialEndpoint, startCredentialEndpoint } from './credential-endpoint.ts';
import {
  CredentialSource,
  type Credentials,
  type ErrorTimes,
  type ProviderAnswer,
  standardErrorTimes,
} from './credential-source.ts';

export interface TokenExchangeDeps {
  readonly ask: (signal: AbortSignal) => Promise<ProviderAnswer>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Log;
}

/** The token exchange service of the device: off until it is configured. */
export interface TokenExchange {
  /**
   * The component's configuration (`port`, `credentialRetryInSec`), or undefined when it is not on the device.
   *
   * @throws Fault `COMPONENT_CONFIGURATION_NOT_VALID`, or `START_FAILED` when the port is taken; then it is off.
   */
  configure(configuration: JsonObject | undefined): Promise<void>;
  /** Variables of a component's processes; all components get them, as in the reference, where the service is on. */
  environment(component: string): Readonly<Record<string, string>>;
  /** The credentials of the role for the runtime itself, whether the service is on or not. Throws a Fault when there are none. */
  credentials(signal: AbortSignal): Promise<Credentials>;
  /** Role alias or endpoint have changed. */
  forget(): void;
  /** The device is connected: refusals for want of a network are forgotten. */
  connected(): void;
  stop(): Promise<void>;
}

export function createTokenExchange(deps: TokenExchangeDeps): TokenExchange {
  const tokens = createComponentTokens(deps.ids);
  let times: ErrorTimes = standardErrorTimes;
  const source = new CredentialSource({ ...deps, times: () => times });
  let endpoint: CredentialEndpoint | undefined;
  let wanted: number | undefined;

  async function close(): Promise<void> {
    const open = endpoint;
    endpoint = undefined;
    wanted = undefined;
    await open?.stop();
  }

  return {
    async configure(configuration) {
      if (configuration === undefined) return close();
      times = timesOf(configuration);
      const port = portOf(configuration);
      if (endpoint !== undefined && port === wanted) return;
      await close();
      endpoint = await startCredentialEndpoint(port, {
        componentOf: tokens.componentOf,
        credentials: () => source.get(),
        timers: deps.timers,
        log: deps.log,
      });
      wanted = port;
      deps.log.info('the token exchange service listens', { port: endpoint.port });
    },
    environment(component) {
      const token = tokens.tokenOf(component);
      const uri = endpoint === undefined ? {} : { AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint.url };
      return { SVCUID: token, AWS_CONTAINER_AUTHORIZATION_TOKEN: token, ...uri };
    },
    async credentials(signal) {
      const answer = await source.get();
      signal.throwIfAborted();
      if ('credentials' in answer) return answer.credentials;
      const ofService = answer.status === 0 || answer.status >= 500;
      const code = ofService ? 'CREDENTIAL_ENDPOINT_SERVER_ERROR' : 'CREDENTIAL_ENDPOINT_AUTH_FAILURE';
      // No network, no service: another time there may be.
      throw new Fault(code, `no credentials of the role: ${answer.message}`, { retryable: ofService });
    },
    forget: () => source.forgetAll(),
    connected: () => source.forgetErrors(),
    async stop() {
      source.stop();
      await close();
    },
  };
}

function portOf(configuration: JsonObject): number {
  return whole(configuration['port'] ?? 0, 'port', 0, 65_535);
}

/** The reference takes 10 to 42,900 seconds. */
function timesOf(configuration: JsonObject): ErrorTimes {
  const given = configuration['credentialRetryInSec'];
  const of = (key: keyof ErrorTimes) => {
    const value = typeof given === 'object' && given !== null && !Array.isArray(given) ? given[key] : undefined;
    return value === undefined ? standardErrorTimes[key] : whole(value, `credentialRetryInSec.${key}`, 10, 42_900);
  };
  return { clientError: of('clientError'), serverError: of('serverError'), unknownError: of('unknownError') };
}

function whole(value: Json, key: string, min: number, max: number): number {
  const number = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number;
  throw new Fault(
    'COMPONENT_CONFIGURATION_NOT_VALID',
    `aws.greengrass.TokenExchangeService: ${key} must be a whole number from ${min} to ${max}`,
    { context: { key } },
  );
}
