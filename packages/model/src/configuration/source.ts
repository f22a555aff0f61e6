// Who wrote a leaf, as one text, for a tree holds thousands of them: `default/1.2.0`, `deployment/<id>/<configuration ARN>`,
// `file/config.yaml`, `local/<who>`, `ipc/<component>`.

export type WriteSource =
  /** The DefaultConfiguration of this recipe version. */
  | { readonly kind: 'default'; readonly version: string }
  /** The configuration ARN ends with the revision. */
  | { readonly kind: 'deployment'; readonly id: string; readonly configurationArn: string }
  | { readonly kind: 'file'; readonly name: string }
  /** A person on the device. */
  | { readonly kind: 'local'; readonly by: string }
  /** The component that called UpdateConfiguration. */
  | { readonly kind: 'ipc'; readonly component: string };

export function formatSource(source: WriteSource): string {
  switch (source.kind) {
    case 'default':
      return `default/${source.version}`;
    case 'deployment':
      return `deployment/${source.id}/${source.configurationArn}`;
    case 'file':
      return `file/${source.name}`;
    case 'local':
      return `local/${source.by}`;
    case 'ipc':
      return `ipc/${source.component}`;
  }
}

/** Reads what {@link formatSource} wrote. Earlier runtimes wrote `default`, or a bare deployment id. */
export function parseSource(text: string): WriteSource {
  const [, kind, first = '', rest = ''] = /^([a-z]+)\/([^/]*)(?:\/(.*))?$/s.exec(text) ?? [];
  switch (kind) {
    case 'default':
      return { kind, version: first };
    case 'deployment':
      return { kind, id: first, configurationArn: rest };
    case 'file':
      return { kind, name: first };
    case 'local':
      return { kind, by: first };
    case 'ipc':
      return { kind, component: first };
    default:
      return text === 'default'
        ? { kind: 'default', version: '' }
        : { kind: 'deployment', id: text, configurationArn: '' };
  }
}
