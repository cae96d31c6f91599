// Keeps CONNECTIONS requests under way for SECONDS, after one more second that does
// not count; prints requests per second, latencies in milliseconds and the number of
// all requests as JSON.
import { Agent, get } from 'node:http';

const { URL: url, CONNECTIONS, SECONDS } = process.env;
const agent = new Agent({ keepAlive: true, maxSockets: Number(CONNECTIONS) });
const headers = { 'x-user': 'user-123', 'user-agent': 'bench', 'x-forwarded-for': '203.0.113.7' };

function once(n) {
  return new Promise((resolve, reject) => {
    get(`${url}/orders/${n}`, { agent, headers }, (response) => {
      response.resume().on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`answered ${response.statusCode}`))));
    }).on('error', reject);
  });
}

const start = performance.now() + 1000;
const end = start + Number(SECONDS) * 1000;
const latencies = [];
let requests = 0;

async function loop(n) {
  for (let i = n; performance.now() < end; i += 1000) {
    const before = performance.now();
    await once(i);
    requests++;
    if (before >= start) {
      latencies.push(performance.now() - before);
    }
  }
}

await Promise.all(Array.from({ length: Number(CONNECTIONS) }, (_, n) => loop(n)));
latencies.sort((a, b) => a - b);
const at = (q) => latencies[Math.floor(q * latencies.length)];
console.log(JSON.stringify({ rate: latencies.length / Number(SECONDS), p50: at(0.5), p99: at(0.99), requests }));
process.exit(0);
