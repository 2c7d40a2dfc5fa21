// Several files as one: a ZIP archive in which nothing is compressed (pictures are already). APPNOTE.TXT of PKWARE, 6.3.

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20; // needed to read it: 2.0
const UTF8 = 0x0800; // names are
const DOS_DATE = 0x21; // 1980-01-01: when it was saved is known by the archive's own date

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/** The checksum of bytes as ZIP and PNG have it. */
export function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = (sum >>> 8) ^ TABLE[(sum ^ byte) & 0xff];
  return (sum ^ 0xffffffff) >>> 0;
}

/** An archive of `[{name, bytes}]`, as a Blob. Names are plain: no folders. */
export function zipped(files) {
  const [parts, central] = [[], []];
  let offset = 0;
  for (const { name, bytes } of files) {
    const written = new TextEncoder().encode(name);
    const common = fields(
      [2, VERSION],
      [2, UTF8],
      [2, 0],
      [2, 0],
      [2, DOS_DATE],
      [4, crc32(bytes)],
      [4, bytes.length],
      [4, bytes.length],
      [2, written.length],
      [2, 0],
    );
    const head = [fields([4, LOCAL]), common, written];
    central.push(fields([4, CENTRAL], [2, VERSION]), common, fields([2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), written);
    parts.push(...head, bytes);
    offset += lengthOf(head) + bytes.length;
  }
  const end = fields([4, END], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, lengthOf(central)], [4, offset], [2, 0]);
  return new Blob([...parts, ...central, end], { type: "application/zip" });
}

// Numbers of so many bytes, the lowest byte first.
function fields(...given) {
  return Uint8Array.from(
    given.flatMap(([length, value]) => Array.from({ length }, (_, place) => (value >>> (8 * place)) & 0xff)),
  );
}

function lengthOf(parts) {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
