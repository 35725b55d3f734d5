cat >case.js <<'END'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto'), fs = require('fs'), http = require('http'), zlib = require('zlib');
const { execFileSync } = require('child_process');

if (!isMainThread) {
  const counter = new Int32Array(workerData.shared);
  for (let i = 0; i < 10000; ++i) Atomics.add(counter, 0, 1);
  let sum = 0;
  for (let i = 0; i < 1000000; ++i) sum = (sum + i * workerData.id) % 1000003;
  parentPort.postMessage({ id: workerData.id, sum });
} else {
  main();
}

function worker(id, shared) {
  return new Promise((resolve, reject) => {
    const thread = new Worker(__filename, { workerData: { id, shared } });
    let result;
    thread.on('message', message => { result = message; });
    thread.on('error', reject);
    thread.on('exit', () => resolve(result));
  });
}

async function main() {
  const shared = new SharedArrayBuffer(4);
  const results = await Promise.all([1, 2, 3, 4].map(id => worker(id, shared)));
  console.log(results, new Int32Array(shared)[0]);
  const garbage = new Map();
  for (let i = 0; i < 300000; ++i) garbage.set(i % 1000, { i, text: 'x'.repeat(i % 50) });
  console.log(garbage.size);
  console.log(crypto.createHash('sha256').update('gonzo').digest('hex'));
  console.log(zlib.gunzipSync(zlib.gzipSync(Buffer.alloc(100000, 'a'))).length);
  fs.writeFileSync('file', 'written');
  console.log(await fs.promises.readFile('file', 'utf8'));
  console.log(execFileSync('echo', ['from a child']).toString());
  const server = http.createServer((request, response) => response.end('served ' + request.url));
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const response = await fetch(`http://127.0.0.1:${server.address().port}/path`);
  console.log(response.status, await response.text());
  server.closeAllConnections();
  server.close();
  process.exitCode = 3;
}
END
node case.js
