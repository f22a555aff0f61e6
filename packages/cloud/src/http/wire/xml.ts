const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** A child of an XML element: text, or elements in order. `undefined` is left out. */
type XmlContent = string | number | boolean | readonly XmlElement[];

/** An element: its name and its content. */
export type XmlElement = readonly [name: string, content: XmlContent | undefined];

/** An XML document of elements without attributes but the namespace of the root. Names are not checked: they are ours. */
export function xmlDocument(root: string, namespace: string | undefined, children: readonly XmlElement[]): Uint8Array {
  const attribute = namespace === undefined ? '' : ` xmlns="${namespace}"`;
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${children.map(element).join('')}</${root}>`;
  return Buffer.from(text, 'utf8');
}

function element([name, content]: XmlElement): string {
  if (content === undefined) return '';
  const inner = Array.isArray(content) ? content.map(element).join('') : escapeXml(String(content));
  return `<${name}>${inner}</${name}>`;
}

/** Characters that XML 1.0 cannot carry at all become U+FFFD, so that one odd key cannot break a whole list. */
function escapeXml(text: string): string {
  return text
    .replace(/[&<>"']/g, (found) => escapes[found] ?? found)
    .replace(/\r/g, '&#13;')
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD');
}
