// Used by the tests of this room only.
export interface TestTarEntry {
  readonly name: string;
  readonly data?: string | Buffer;
  /** `0` file, `1` hard link, `2` symbolic link, `3` and `4` devices, `5` folder, `6` FIFO, `L`, `K`, `x`, `g` extras. */
  readonly flag?: string;
  readonly target?: string;
  /** What the header claims instead of the true size. */
  readonly declaredSize?: number;
  readonly wrongChecksum?: boolean;
}

/** A TAR archive made by hand, so that it can hold what no archiver writes. */
export function makeTar(entries: readonly TestTarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const data = Buffer.from(entry.data ?? '');
    const header = Buffer.alloc(512);
    header.write(entry.name, 0, 100, 'utf8');
    header.write('0000644\0', 100);
    header.write(`${(entry.declaredSize ?? data.length).toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write(entry.flag ?? '0', 156);
    header.write(entry.target ?? '', 157, 100, 'utf8');
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, entry.wrongChecksum === true ? 1 : 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}
