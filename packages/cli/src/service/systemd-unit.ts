/** What a unit is made of; paths absolute. */
export interface ServiceUnit {
  readonly thing: string;
  readonly program: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** False where there is no `systemd-notify`: then systemd hears neither of readiness nor of a hang. */
  readonly notifies: boolean;
}

/**
 * The unit of a device runtime. It is restarted however it fails and for ever, for nobody is there to do it. `KillMode=mixed`: the runtime
 * alone is asked to stop, for it stops its components in their order; what is left at the end is killed. A component that runs
 * out of memory does not take the runtime with it.
 */
export function systemdUnit({ thing, program, environment, notifies }: ServiceUnit): string {
  const service = [
    // `systemd-notify` is a process of its own. Components do not learn the socket.
    ...(notifies ? ['Type=notify', 'NotifyAccess=all', 'WatchdogSec=60'] : ['Type=simple']),
    `ExecStart=${program.map(word).join(' ')}`,
    ...Object.entries(environment).map(([name, value]) => `Environment=${specifier(quoted(`${name}=${value}`))}`),
    'Restart=on-failure',
    'RestartSec=10',
    'TimeoutStartSec=300',
    'TimeoutStopSec=120',
    'KillMode=mixed',
    'OOMPolicy=continue',
    'LimitNOFILE=65536',
    'TasksMax=infinity',
  ];
  return [
    '[Unit]',
    `Description=Greensward device runtime of ${specifier(thing)}`,
    'Wants=network-online.target',
    'After=network-online.target',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    ...service,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

/** One word of a command line (systemd.service(5)): variables and specifiers stay what they are. */
function word(text: string): string {
  return specifier(quoted(text)).replaceAll('$', '$$$$');
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

function specifier(text: string): string {
  return text.replaceAll('%', '%%');
}
