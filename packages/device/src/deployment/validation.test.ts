import type { Json, JsonObject } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import { deployed, document, type TestDevice } from './testing/test-device.ts';
import type { ValidationSubscribers } from './validation.ts';

type Answer = Parameters<ValidationSubscribers['ask']>[2];

/** Components that look at their new configuration; a test answers for them. */
class Validators implements ValidationSubscribers {
  subscribed: readonly string[];
  readonly asked: [component: string, configuration: JsonObject, deploymentId: string][] = [];
  private readonly open = new Map<string, Answer>();

  constructor(...subscribed: readonly string[]) {
    this.subscribed = subscribed;
  }

  names(): readonly string[] {
    return this.subscribed;
  }

  ask(component: string, event: { configuration: JsonObject; deploymentId: string }, onAnswer: Answer): () => void {
    this.asked.push([component, event.configuration, event.deploymentId]);
    this.open.set(component, onAnswer);
    return () => this.open.delete(component);
  }

  /** False: nobody listens for it now. */
  answer(component: string, accepted: boolean, message?: string): boolean {
    const listener = this.open.get(component);
    listener?.({ accepted, ...(message === undefined ? {} : { message }) });
    return listener !== undefined;
  }
}

const merging = (
  components: Readonly<Record<string, [version: string, merge?: JsonObject]>>,
  more: JsonObject = {},
) => {
  const entries = Object.entries(components).map(([name, [version, merge]]): [string, Json] => [
    name,
    merge === undefined ? { version } : { version, configurationUpdate: { merge } },
  ]);
  return document('line', 2, {}, { components: Object.fromEntries(entries), ...more });
};

async function start(...subscribed: string[]): Promise<{ device: TestDevice; validators: Validators }> {
  const device = await deployed((it) => it.job('j1', 1, document('line', 1, { App: '1.0.0', Other: '1.0.0' })));
  const validators = new Validators(...subscribed);
  device.validators = validators;
  device.start();
  return { device, validators };
}

const failure = (device: TestDevice) => device.store.owedStatuses().at(-1)?.failure;

describe('case 100: a component that validates its configuration', () => {
  const changed = merging({ App: ['1.0.0', { from: 'new' }], Other: ['1.0.0', { from: 'new' }] });

  test('is asked before anything changes, and what it accepts counts', async () => {
    const { device, validators } = await start('App');
    device.job('j2', 2, changed);
    await device.rest();
    // Other changes too, but it never asked to be asked: it is not waited for.
    expect(validators.asked).toEqual([['App', { from: 'new' }, 'd-line-2']]);
    expect(device.statuses().at(-1)).toBe('IN_PROGRESS');
    validators.answer('App', true);
    await device.rest();
    expect(device.statuses().at(-1)).toBe('SUCCESSFUL');
    await device.off();
  });

  test('fails the deployment by refusing, with its message, and nobody waits for the others', async () => {
    const { device, validators } = await start('App', 'Other');
    device.job('j2', 2, changed);
    await device.rest();
    validators.answer('App', false, 'from is odd');
    await device.rest();
    expect(device.statuses().at(-1)).toBe('FAILED_NO_STATE_CHANGE');
    expect(failure(device)?.cause).toBe('App calls its new configuration invalid: from is odd');
    expect(failure(device)?.errorStack).toEqual(['DEPLOYMENT_FAILURE', 'COMPONENT_CONFIGURATION_NOT_VALID']);
    expect(validators.answer('Other', true)).toBe(false);
    await device.off();
  });

  test('fails it by saying nothing in the time of the policy', async () => {
    const { device } = await start('App');
    device.job(
      'j2',
      2,
      merging({ App: ['1.0.0', { from: 'new' }] }, { configurationValidationPolicy: { timeout: 30 } }),
    );
    await device.rest();
    await device.timers.pass(29_999);
    expect(device.statuses().at(-1)).toBe('IN_PROGRESS');
    await device.timers.pass(1);
    await device.rest();
    expect(failure(device)?.cause).toContain('App did not say within 30 s');
    await device.off();
  });

  test('does not hold it when it goes away', async () => {
    const { device, validators } = await start('App');
    device.job('j2', 2, changed);
    await device.rest();
    validators.subscribed = [];
    await device.timers.pass(1_000);
    await device.rest();
    expect(device.statuses().at(-1)).toBe('SUCCESSFUL');
    await device.off();
  });

  test.each([
    ['its version changes too', merging({ App: ['2.0.0', { from: 'new' }], Other: ['1.0.0'] })],
    ['its configuration stays', merging({ App: ['1.0.0', { from: 'default of 1.0.0' }], Other: ['1.0.0'] })],
    ['it is new', merging({ App: ['1.0.0'], Other: ['1.0.0'], Lone: ['1.0.0', { from: 'new' }] })],
  ])('is not asked when %s', async (_what, content) => {
    const { device, validators } = await start('App', 'Lone');
    device.job('j2', 2, content);
    await device.rest();
    expect(validators.asked).toEqual([]);
    expect(device.statuses().at(-1)).toBe('SUCCESSFUL');
    await device.off();
  });

  test('case 109: is asked no more when the deployment is cancelled', async () => {
    const { device, validators } = await start('App');
    device.job('j2', 2, changed);
    await device.rest();
    device.noJob();
    await device.rest();
    expect(validators.answer('App', true)).toBe(false);
    expect(device.set()).toMatchObject({ App: '1.0.0' });
    await device.off();
  });
});
