// Keeps CONNECTIONS requests under way for SECONDS, after three more that do not
// count; prints requests per second, latencies in milliseconds and the application's
// CPU time per request in microseconds as JSON.
import { Agent, get } from 'node:http';

const { URL: url, CONNECTIONS, SECONDS } = process.env;
const agent = new Agent({ keepAlive: true, maxSockets: Number(CONNECTIONS) });
const headers = { 'x-user': 'user-123', 'user-agent': 'bench', 'x-forwarded-for': '203.0.113.7' };

function fetch(path) {
  return new Promise((resolve, reject) => {
    get(url + path, { agent, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      response.on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(`answered ${response.statusCode}`))));
    }).on('error', reject);
  });
}

const start = performance.now() + 3000; // compiled by then
const end = start + Number(SECONDS) * 1000;
const latencies = [];

async function loop(n) {
  for (let i = n; performance.now() < end; i += 1000) {
    const before = performance.now();
    await fetch(`/orders/${i}`);
    if (before >= start) {
      latencies.push(performance.now() - before);
    }
  }
}

const cpuAtStart = new Promise((resolve) => setTimeout(() => resolve(fetch('/cpu')), 3000));
await Promise.all(Array.from({ length: Number(CONNECTIONS) }, (_, n) => loop(n)));
const cpu = (Number(await fetch('/cpu')) - Number(await cpuAtStart)) / latencies.length;
latencies.sort((a, b) => a - b);
const at = (q) => latencies[Math.floor(q * latencies.length)];
console.log(JSON.stringify({ rate: latencies.length / Number(SECONDS), p50: at(0.5), p99: at(0.99), cpu }));
process.exit(0);
