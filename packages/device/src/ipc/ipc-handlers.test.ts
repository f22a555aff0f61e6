import { silentLog } from '@greensward/kit';
import { FrameReader, maxFrameBytes, messageOfFrame } from '@greensward/protocol/ipc';
import { expect, test } from 'vitest';
import { cliHandlers } from './cli-handlers.ts';
import { answerFrame } from './ipc-handlers.ts';

const none = () => {
  throw new Error('nothing is asked of the runtime');
};
const handlers = cliHandlers({
  createDeployment: none,
  cancelDeployment: none,
  deployment: none,
  deployments: none,
  components: none,
  request: none,
});

async function answer(operation: string): Promise<{ readonly type: unknown; readonly text: string }> {
  const call = { principal: 'App', signal: new AbortController().signal };
  const reader = new FrameReader();
  reader.push(await answerFrame(handlers, silentLog, { streamId: 1, operation, payload: new Uint8Array() }, call));
  const frame = reader.next(maxFrameBytes);
  const message = frame && messageOfFrame(frame);
  if (message === undefined) throw new Error('no message');
  return {
    type: message.headers.get('service-model-type'),
    text: JSON.parse(new TextDecoder().decode(message.payload))._message,
  };
}

test.each(['PauseComponent', 'ResumeComponent', 'SendConfigurationValidityReport', 'DeferComponentUpdate'])(
  'a component cannot be paused, nor call a configuration valid: there are no such operations: %s',
  async (operation) => {
    expect(await answer(operation)).toEqual({
      type: { type: 'string', value: 'aws.greengrass#ServiceError' },
      text: `Operation aws.greengrass#${operation} is not supported by Greengrass`,
    });
  },
);
