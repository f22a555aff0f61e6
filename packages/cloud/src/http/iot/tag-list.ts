import { Fault } from '@greensward/kit';

/** IoT has tags as a list; a key twice is a mistake. */
export function tagMap(tags: readonly { readonly Key: string; readonly Value?: string | undefined }[]) {
  const map = new Map(tags.map(({ Key, Value = '' }) => [Key, Value]));
  if (map.size < tags.length) throw new Fault('InvalidRequestException', 'tags: a key is given twice');
  return Object.fromEntries(map);
}
