import { Fault } from '@greensward/kit';
import {
  type ComponentDetails,
  type CreateLocalDeploymentRequest,
  cliOperations,
  type LocalDeployment,
} from '@greensward/protocol/ipc';
import { handle, type IpcCall, type IpcHandlers } from './ipc-handlers.ts';

/** What the rest of the runtime does for the command line. */
export interface CliBackend {
  /** Queues a deployment; durable when it resolves. @throws Fault with an error code of the operation. */
  createDeployment(request: CreateLocalDeploymentRequest): Promise<string>;
  /** The message for a person. @throws Fault `InvalidArgumentsError`, `ResourceNotFoundError`. */
  cancelDeployment(deploymentId: string): string;
  deployment(deploymentId: string): LocalDeployment;
  /** In the order of their creation, without details. */
  deployments(): readonly LocalDeployment[];
  components(): readonly ComponentDetails[];
  /** Undefined when it is asked for; otherwise why not. */
  request(component: string, request: 'restart' | 'stop'): string | undefined;
}

/** The operations of `aws.greengrass.Cli`. Only its own principals may call them: no component has a policy here that lets it. */
export function cliHandlers(backend: CliBackend): IpcHandlers {
  const guarded: typeof handle = (operation, work) =>
    handle(operation, (input, call) => {
      requireCli(call, operation.name);
      return work(input, call);
    });
  const component = (name: string): ComponentDetails => {
    if (name === '') throw new Fault('InvalidArgumentsError', 'Component name cannot be empty');
    const found = backend.components().find((details) => details.componentName === name);
    if (found !== undefined) return found;
    throw new Fault('ResourceNotFoundError', `Component with name ${name} not found in Greengrass`);
  };
  const ask = (name: string, request: 'restart' | 'stop') => {
    const refusal = backend.request(component(name).componentName, request);
    return refusal === undefined
      ? ({ status: 'SUCCEEDED', message: undefined } as const)
      : ({ status: 'FAILED', message: refusal } as const);
  };
  return new Map([
    guarded(cliOperations.CreateLocalDeployment, async (request) => ({
      deploymentId: await backend.createDeployment(request),
    })),
    guarded(cliOperations.CancelLocalDeployment, ({ deploymentId = '' }) => ({
      message: backend.cancelDeployment(deploymentId),
    })),
    guarded(cliOperations.GetLocalDeploymentStatus, ({ deploymentId }) => ({
      deployment: backend.deployment(deploymentId),
    })),
    guarded(cliOperations.ListLocalDeployments, () => ({ localDeployments: backend.deployments() })),
    guarded(cliOperations.ListComponents, () => ({ components: backend.components() })),
    guarded(cliOperations.GetComponentDetails, ({ componentName }) => ({
      componentDetails: component(componentName),
    })),
    guarded(cliOperations.RestartComponent, ({ componentName }) => {
      const { status, message } = ask(componentName, 'restart');
      return { restartStatus: status, message };
    }),
    guarded(cliOperations.StopComponent, ({ componentName }) => {
      const { status, message } = ask(componentName, 'stop');
      return { stopStatus: status, message };
    }),
  ]);
}

function requireCli({ principal }: IpcCall, operation: string): void {
  if (principal.startsWith('greengrass-cli#')) return;
  throw new Fault(
    'UnauthorizedError',
    `Principal ${principal} is not authorized to perform aws.greengrass.Cli:aws.greengrass#${operation}`,
  );
}
