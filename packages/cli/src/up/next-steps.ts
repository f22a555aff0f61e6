import { relative, resolve } from 'node:path';
import { shellWord } from '../shell-word.ts';
import { deviceRoot } from './local-devices.ts';

/** The lines that `sward up` ends its introduction with: what to try next, ready to paste. */
export function nextSteps(
  dataFolder: string,
  device: string | undefined,
  account: { region: string; accountId: string },
): string {
  const folder = resolve(dataFolder);
  const aws = (name: string) => shellWord(`${folder}/aws/${name}`);
  const group = `arn:aws:iot:${account.region}:${account.accountId}:thinggroup/demo`;
  const lines = [
    '',
    'Try it with the stock AWS CLI (2.13 or newer, or 1.29 or newer), in another terminal:',
    '',
    `  export AWS_CONFIG_FILE=${aws('config')} AWS_SHARED_CREDENTIALS_FILE=${aws('credentials')} AWS_PROFILE=greensward`,
    '  aws greengrassv2 list-core-devices',
    '  aws greengrassv2 list-components',
  ];
  if (device !== undefined) {
    const log = `${relative(process.cwd(), deviceRoot(folder, device)) || '.'}/logs/com.example.Ticker.log`;
    lines.push(
      `  aws greengrassv2 list-installed-components --core-device-thing-name ${device}`,
      `  aws greengrassv2 list-effective-deployments --core-device-thing-name ${device}`,
      `  aws greengrassv2 create-deployment --target-arn ${group} \\`,
      `    --components '{"com.example.Ticker":{"componentVersion":"1.0.0","configurationUpdate":{"merge":"{\\"text\\":\\"changed\\"}"}}}'`,
      `  tail -f ${shellWord(log)}`,
    );
  }
  return [...lines, '', 'Ctrl-C stops it; what it holds is there again at the next start.'].join('\n');
}
