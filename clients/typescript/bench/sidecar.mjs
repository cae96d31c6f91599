// A fake sidecar in a process of its own that forgets what it took.
import { createServer } from 'node:http';

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  const events = Buffer.concat(chunks).toString().trimEnd().split('\n').map((line, seq) => ({ id: line.slice(7, 43), seq }));
  response.end(JSON.stringify({ stream: 'bench', events }));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
