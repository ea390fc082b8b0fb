/** SHA-256 (FIPS 180-4): the browser's own, or ours where the page came over plain HTTP and the browser withholds it. */

const primes = (count: number): number[] => {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n);
  return found;
};

const fraction = (x: number): number => ((x - Math.floor(x)) * 2 ** 32) >>> 0;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2). */
const constants = primes(64).map((p) => fraction(Math.cbrt(p)));

/** Likewise of the square roots of the first 8 primes (5.3.3). */
const start = primes(8).map((p) => fraction(Math.sqrt(p)));

const turn = (x: number, by: number): number => (x >>> by) | (x << (32 - by));

function padded(data: Uint8Array): DataView {
  const bytes = new Uint8Array((((data.length + 8) >> 6) + 1) << 6);
  bytes.set(data);
  bytes[data.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(bytes.length - 8, Math.floor(data.length / 2 ** 29));
  view.setUint32(bytes.length - 4, (data.length << 3) >>> 0);
  return view;
}

function compressed(state: number[], view: DataView, block: number): number[] {
  const w = new Uint32Array(64);
  const at = (i: number): number => w[i] ?? 0;
  for (let t = 0; t < 16; t++) w[t] = view.getUint32(block + 4 * t);
  for (let t = 16; t < 64; t++) {
    const [x, y] = [at(t - 15), at(t - 2)];
    w[t] = at(t - 16) + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + at(t - 7) + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let t = 0; t < 64; t++) {
    const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + (constants[t] ?? 0) + at(t)) | 0;
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  return [a, b, c, d, e, f, g, h].map((x, i) => ((state[i] ?? 0) + x) | 0);
}

/** SHA-256 without the browser's help. */
export function ownSha256(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const view = padded(data);
  let state = start;
  for (let block = 0; block < view.byteLength; block += 64) state = compressed(state, view, block);
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((x, i) => out.setUint32(4 * i, x >>> 0));
  return new Uint8Array(out.buffer);
}

export async function sha256(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle as SubtleCrypto | undefined;
  return subtle ? new Uint8Array(await subtle.digest("SHA-256", data)) : ownSha256(data);
}
