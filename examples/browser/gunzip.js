/**
 * The bytes of a file, decompressed where they are gzip. Of a broken or short file, what can be decompressed, and
 * `problem` says so.
 */
export async function gunzip(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { bytes, problem: undefined };
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  const pieces = [];
  let problem;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value);
  } catch {
    problem = 'the rest of the gzip file, which is broken or ends early';
    if (pieces.length === 0) throw new Error('the gzip file is broken');
  }
  return { bytes: new Uint8Array(await new Blob(pieces).arrayBuffer()), problem };
}
